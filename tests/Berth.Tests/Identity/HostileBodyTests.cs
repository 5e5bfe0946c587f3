using System.Net;
using System.Net.Http.Headers;
using System.Text;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>Bodies that no page or client sends, wherever somebody signs in.</summary>
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class HostileBodyTests(SecondFactorRegistry factors)
{
    private const string Form = "application/x-www-form-urlencoded";

    private static readonly string[] Paths =
    [
        "auth/password", "auth/second-factor", "auth/passkeys", "auth/passkeys/options", "auth/device",
        "auth/device/token", "auth/register", "auth/join/berth_inv_x", "auth/account", "token", "api/v1/me/tokens",
        "auth/logout",
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bodies_that_cant_be_read_are_refused_and_not_unexpected()
    {
        using var admin = await factors.SignInAsync("admin");
        (string Type, byte[] Body)[] bodies =
        [
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na"u8.ToArray()),
            ("multipart/form-data", "--x"u8.ToArray()),
            (Form + "; charset=utf-7", "name=+AGE-"u8.ToArray()),
            (Form + "; charset=nonsense", "name=a"u8.ToArray()),
            (Form, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 1500).Select(i => $"k{i}=&")))),
            (Form, Encoding.ASCII.GetBytes(new string('&', 4000))),
            (Form, Encoding.ASCII.GetBytes("name=" + new string('a', 100_000))),
            (Form, "%zz%00=%ff%fe&name=%00&password=%ff&action=%00&decision=allow&code=%00"u8.ToArray()),
            ("application/json; charset=utf-16", "{\"name\":\"a\"}"u8.ToArray()),
            ("application/json", Encoding.ASCII.GetBytes("{\"name\":" + new string('[', 5000))),
            ("application/json", Encoding.ASCII.GetBytes("{\"name\":\"" + new string('a', 100_000) + "\"}")),
            ("application/json", []),
        ];
        foreach (var path in Paths)
        {
            foreach (var (type, body) in bodies)
            {
                foreach (var isChunked in new[] { false, true })
                {
                    // The server stops reading those, and the answer may be lost with the connection.
                    if (isChunked && body.Length > 50_000) continue;
                    using var content = new ByteArrayContent(body);
                    content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
                    using var request = new HttpRequestMessage(HttpMethod.Post, path);
                    request.Content = content;
                    request.Headers.TransferEncodingChunked = isChunked;
                    request.Headers.Add("Origin", admin.Origin);
                    request.Headers.Add("Cookie", $"berth_session={admin.SessionCookie}");
                    using var answer = await factors.Registry.Client.SendAsync(request, Stop);
                    Assert.True((int)answer.StatusCode < 500, $"{answer.StatusCode} of {path} for {type}");
                }
            }
        }
    }

    /// <summary>Uploads may be as slow for a minute; a name and password come at once.</summary>
    [Fact]
    public async Task Whoever_sends_a_form_too_slowly_is_cut_off()
    {
        var senders = new List<RawConnection>();
        try
        {
            foreach (var path in Paths.Where(path => path is not ("auth/account" or "auth/logout")))
            {
                var connection = await RawConnection.OpenAsync(factors.Registry);
                senders.Add(connection);
                var type = path.StartsWith("api/", StringComparison.Ordinal) ? "application/json" : Form;
                var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{Password}"));
                await connection.SendAsync(
                    $"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nContent-Length: 4000\r\n"
                    + $"Authorization: Basic {credentials}\r\n\r\nname=");
            }

            // RawConnection waits 20 seconds for each read.
            await Task.WhenAll(senders.Select(sender => sender.CountToEndAsync()));
        }
        finally
        {
            senders.ForEach(sender => sender.Dispose());
        }
    }
}
