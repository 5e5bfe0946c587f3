using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>
/// Literal calls and their answers, played in order:
/// <code>
/// PUT /v2/a/manifests/latest        a call; its headers and body follow
///   Content-Type: text/plain
///   &gt; {image}                       the body; a second line goes on after a line break
///   201                             the status, and the codes of the errors: 404 BLOB_UNKNOWN
///   Location: {place}               a header; a name that is not known yet takes its value
///   ETag: -                         a header that must be absent
///   &lt; {"exactly":"this"}            the body, byte for byte
/// </code>
/// <c>{name}</c> stands for what was given or captured, <c>{sha256 text}</c> and <c>{size text}</c> for the digest and
/// the length of a text, which may be a name: <c>{sha256 image}</c>.
/// </summary>
internal sealed partial class Script(RegistryFixture registry)
{
    private readonly Dictionary<string, byte[]> values = [];

    /// <summary>Gives or reads a value by its name.</summary>
    public string this[string name]
    {
        get => Encoding.UTF8.GetString(values[name]);
        set => values[name] = Encoding.UTF8.GetBytes(Fill(value));
    }

    /// <summary>The body of the last answer that had one.</summary>
    public string LastBody { get; private set; } = "";

    public void Give(string name, byte[] value) => values[name] = value;

    /// <summary>A text with its names replaced.</summary>
    public string Filled(string text) => Fill(text);

    /// <summary>A text of one name alone is that value's bytes; otherwise the names in it are replaced.</summary>
    public byte[] Bytes(string text) =>
        text is ['{', .. var name, '}'] && values.TryGetValue(name, out var value)
            ? value
            : Encoding.UTF8.GetBytes(Fill(text));

    /// <summary>Plays the calls. The first answer that is not as written fails the test.</summary>
    public async Task PlayAsync(string script)
    {
        foreach (var exchange in Exchange.ReadAll(script)) await PlayAsync(exchange);
    }

    private async Task PlayAsync(Exchange exchange)
    {
        using var request = Request(exchange);
        using var response = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        var place = $"line {exchange.Line}: {request.Method} {request.RequestUri}\n"
            + $"answered {(int)response.StatusCode} {response.Headers}{response.Content.Headers}\n{Show(body)}\n";
        if (body.Length > 0) LastBody = Encoding.UTF8.GetString(body);
        CheckStatus(exchange, response, body, place);
        foreach (var (name, expected) in exchange.ExpectedHeaders) CheckHeader(response, name, expected, place);
        if (exchange.ExpectedBody is { } text)
        {
            Assert.True(Bytes(text).AsSpan().SequenceEqual(body), $"{place}expected body: {Show(Bytes(text))}");
        }
    }

    private HttpRequestMessage Request(Exchange exchange)
    {
        var space = exchange.Request.IndexOf(' ', StringComparison.Ordinal);
        var uri = new Uri(registry.BaseAddress, Fill(exchange.Request[(space + 1)..].Trim()));
        var request = new HttpRequestMessage(new HttpMethod(exchange.Request[..space]), uri);
        if (exchange.Body is not null || request.Method.Method is "POST" or "PUT" or "PATCH")
        {
            request.Content = new ByteArrayContent(Bytes(exchange.Body ?? ""));
        }

        foreach (var (name, value) in exchange.Headers)
        {
            if (name == "Transfer-Encoding") request.Headers.TransferEncodingChunked = true;
            else if (name is "Content-Type" or "Content-Range") Add(request.Content!.Headers, name, Fill(value));
            else Add(request.Headers, name, Fill(value));
        }

        return request;
    }

    private static void Add(HttpHeaders headers, string name, string value) =>
        Assert.True(headers.TryAddWithoutValidation(name, value), $"'{name}: {value}' can't be sent");

    private static void CheckStatus(Exchange exchange, HttpResponseMessage response, byte[] body, string place)
    {
        var expected = exchange.Status.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(expected.Length > 0, $"{place}the script names no status");
        Assert.True(expected[0] == $"{(int)response.StatusCode}", $"{place}expected {exchange.Status}");
        if (expected.Length == 1) return;
        using var json = JsonDocument.Parse(body);
        var errors = json.RootElement.GetProperty("errors").EnumerateArray().ToList();
        Assert.All(errors, e => Assert.NotEmpty(e.GetProperty("message").GetString()!));
        Assert.Equal(expected[1..], errors.Select(e => e.GetProperty("code").GetString()));
    }

    private void CheckHeader(HttpResponseMessage response, string name, string expected, string place)
    {
        var found = response.Headers.TryGetValues(name, out var values)
            || response.Content.Headers.TryGetValues(name, out values)
            ? string.Join(", ", values)
            : null;
        if (expected == "-")
        {
            Assert.True(found is null, $"{place}expected no {name}");
            return;
        }

        Assert.True(found is not null, $"{place}expected {name}");
        if (expected is ['{', .. var variable, '}'] && !variable.Contains(' ') && !this.values.ContainsKey(variable))
        {
            this.values[variable] = Encoding.UTF8.GetBytes(found);
            return;
        }

        Assert.True(Fill(expected) == found, $"{place}expected {name}: {Fill(expected)}");
    }

    private string Fill(string text) => Names().Replace(text, match =>
    {
        var name = match.Groups[2].Value;
        if (match.Groups[1].Value is { Length: > 0 } function)
        {
            var content = values.TryGetValue(name, out var known) ? known : Encoding.UTF8.GetBytes(name);
            return function switch
            {
                "sha256 " => Digest.Of(DigestAlgorithm.Sha256, content).Text,
                "sha512 " => Digest.Of(DigestAlgorithm.Sha512, content).Text,
                _ => $"{content.Length}",
            };
        }

        return values.TryGetValue(name, out var value) ? Encoding.UTF8.GetString(value) : match.Value;
    });

    private static string Show(byte[] body) =>
        Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 400)));

    [GeneratedRegex(@"\{(sha256 |sha512 |size )?([^{}""]*)\}")]
    private static partial Regex Names();
}

/// <summary>Small images in a script's words.</summary>
internal static class Images
{
    public const string Config = "{}";

    public const string Layer = "layer";

    /// <summary>An OCI image of the config <c>{}</c> and the layer <c>layer</c>, with more fields if given.</summary>
    public static string Oci(string more = "") =>
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{{ConfigDescriptor}}"""
        + $$""","layers":[{{LayerDescriptor}}]{{more}}}""";

    public static string Index(string children, string more = "") =>
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciIndex}}","manifests":[{{children}}]{{more}}}""";

    public static string Descriptor(string mediaType, string content, string more = "") =>
        $$"""{"mediaType":"{{mediaType}}","digest":"{{DigestOf(content)}}","size":{{SizeOf(content)}}{{more}}}""";

    private static int SizeOf(string content) => Encoding.UTF8.GetByteCount(content);

    private static string DigestOf(string content) =>
        Digest.Of(DigestAlgorithm.Sha256, Encoding.UTF8.GetBytes(content)).Text;

    public static string ConfigDescriptor => Descriptor("application/vnd.oci.image.config.v1+json", Config);

    public static string LayerDescriptor => Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", Layer);

    /// <summary>A script with the small image's blobs pushed to these repositories, and <c>{image}</c> given.</summary>
    public static async Task<Script> ScriptAsync(RegistryFixture registry, params string[] repositories)
    {
        var script = new Script(registry);
        script.Give("config", Encoding.UTF8.GetBytes(Config));
        script.Give("layer", Encoding.UTF8.GetBytes(Layer));
        script.Give("image", Encoding.UTF8.GetBytes(Oci()));
        foreach (var repository in repositories)
        {
            await script.PlayAsync($$"""
                POST /v2/{{repository}}/blobs/uploads/?digest={sha256 config}
                  > {config}
                  201
                POST /v2/{{repository}}/blobs/uploads/?digest={sha256 layer}
                  > {layer}
                  201
                """);
        }

        return script;
    }
}
