using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Asks for pages as a browser does.</summary>
internal sealed class PageReader(RegistryFixture registry)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public Task<PageRead> GetAsync(string path, string? user = "admin", string? cookie = null) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), user, cookie);

    public Task<PageRead> PostAsync(string path, string? user, params (string Name, string Value)[] fields) =>
        SendAsync(
            new HttpRequestMessage(HttpMethod.Post, path)
            {
                Content = new FormUrlEncodedContent(fields.Select(one => KeyValuePair.Create(one.Name, one.Value))),
            },
            user, cookie: null);

    private async Task<PageRead> SendAsync(HttpRequestMessage request, string? user, string? cookie)
    {
        using (request)
        {
            request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml");
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "br");
            if (cookie is not null) request.Headers.TryAddWithoutValidation("Cookie", cookie);
            if (user is not null)
            {
                request.Headers.Authorization = AuthenticationHeaderValue.Parse(AccountsOf.Basic(
                    user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
            }

            using var answer = await registry.Client.SendAsync(request, Stop);
            var sent = await answer.Content.ReadAsByteArrayAsync(Stop);
            var headers = answer.Headers.Concat(answer.Content.Headers)
                .ToDictionary(one => one.Key, one => string.Join(", ", one.Value), StringComparer.OrdinalIgnoreCase);
            var body = answer.Content.Headers.ContentEncoding.Contains("br") ? Unpack(sent) : sent;
            return new PageRead(answer.StatusCode, body, sent.Length, headers);
        }
    }

    private static byte[] Unpack(byte[] packed)
    {
        using var unpacked = new MemoryStream();
        using (var brotli = new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress))
            brotli.CopyTo(unpacked);
        return unpacked.ToArray();
    }
}

/// <summary>A page, as it was answered.</summary>
internal sealed record PageRead(
    HttpStatusCode Status, byte[] Body, int SentBytes, IReadOnlyDictionary<string, string> Headers)
{
    public string Text { get; } = Encoding.UTF8.GetString(Body);

    public string Header(string name) => Headers.GetValueOrDefault(name, "");

    /// <summary>The page, if its status is this one.</summary>
    public PageRead Is(int status)
    {
        Assert.True((int)Status == status, $"{Status}: {Text}");
        return this;
    }
}
