using Berth.Tests.Hosting;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Berth.Settings;
using Berth.Transport;

namespace Berth.Tests.Transport;

public sealed class TlsTests : IDisposable
{
    private readonly CertificateFolder files = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_certificate_comes_with_its_issuers_and_HTTP_2_is_agreed_on()
    {
        await using var registry = await StartAsync();
        using var client = Connect(registry, out var shown);
        using var answer = await client.GetAsync("v2/", Stop);
        Assert.Equal(HttpVersion.Version20, answer.Version);
        Assert.Equal("https", registry.BaseAddress.Scheme);
        Assert.Equal(["CN=localhost", "CN=issuer"], shown[0]);
    }

    [Fact]
    public async Task A_client_that_names_no_protocol_gets_HTTP_1_1()
    {
        await using var registry = await StartAsync();
        using var stream = await HandshakeAsync(registry, SslProtocols.None);
        await stream.WriteAsync("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), Stop);
        using var reader = new StreamReader(stream);
        Assert.Equal("HTTP/1.1 200 OK", await reader.ReadLineAsync(Stop));
    }

    [Theory]
    [InlineData("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    public async Task Plain_HTTP_is_told_that_this_is_HTTPS(string request)
    {
        await using var registry = await StartAsync();
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(request);
        var answer = await connection.ReadAnswerAsync();
        Assert.Equal(400, answer.Status);
        Assert.Contains("HTTPS", answer.Text, StringComparison.Ordinal);
        await RequestLogTests.LineAsync(registry, "Plain HTTP to the TLS port: client=127.0.0.1");
    }

    [Fact]
    public async Task HTTP_2_can_be_switched_off()
    {
        await using var registry = await StartAsync(
            http => http with { Http2 = new Http2Settings { Disabled = true } });
        using var client = Connect(registry, out _);
        using var answer = await client.GetAsync("v2/", Stop);
        Assert.Equal(HttpVersion.Version11, answer.Version);
    }

    /// <summary>Each stream of a connection may hold 64 KiB of headers that cost its client 30 bytes.</summary>
    [Fact]
    public async Task As_many_connections_speak_HTTP_2_as_memory_allows_and_the_rest_HTTP_1_1()
    {
        var limits = new LimitSettings { RequestHeaderBytes = 1 << 20 };
        var most = ConnectionBounds.Of(limits).WithHttp2;
        await using var registry = await StartAsync(change: null, limits);
        List<SslStream> open = [];
        open.Add(await HandshakeAsync(registry, SslProtocols.None, SslApplicationProtocol.Http11));
        for (var i = 0; i <= most; i++)
        {
            open.Add(await HandshakeAsync(
                registry, SslProtocols.None, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11));
        }

        var agreed = open.ConvertAll(stream => stream.NegotiatedApplicationProtocol);
        Assert.Equal(most, agreed.Count(protocol => protocol == SslApplicationProtocol.Http2));
        Assert.Equal(SslApplicationProtocol.Http11, agreed[^1]);
        foreach (var stream in open) await stream.DisposeAsync();
        await Eventually.TrueAsync(async () =>
        {
            await using var next = await HandshakeAsync(
                registry, SslProtocols.None, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11);
            return next.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2;
        });
    }

    [Theory]
    [InlineData("tls1.2", SslProtocols.Tls12, true)]
    [InlineData("tls1.3", SslProtocols.Tls13, true)]
    [InlineData("tls1.3", SslProtocols.Tls12, false)]
    public async Task The_oldest_TLS_is_the_one_that_was_set(string minimum, SslProtocols offered, bool isAccepted)
    {
        await using var registry = await StartAsync(http => http with { Tls = http.Tls with { MinimumTls = minimum } });
        if (isAccepted) (await HandshakeAsync(registry, offered)).Dispose();
        else await Assert.ThrowsAnyAsync<Exception>(() => HandshakeAsync(registry, offered));
    }

    [Fact]
    public async Task A_new_certificate_is_shown_without_a_restart()
    {
        await using var registry = await StartAsync();
        using var before = Connect(registry, out var shownBefore);
        await before.GetStringAsync("healthz", Stop);
        var renewed = files.WriteServer();
        await WaitUntilCheckedAsync();
        using var after = Connect(registry, out var shownAfter);
        await after.GetStringAsync("healthz", Stop);
        Assert.Equal(renewed, shownAfter.Serial);
        Assert.NotEqual(shownBefore.Serial, shownAfter.Serial);
    }

    [Fact]
    public async Task A_new_certificate_behind_a_link_is_shown_without_a_restart()
    {
        var folder = Path.Combine(files.Root, "v1");
        Directory.CreateDirectory(folder);
        Directory.CreateSymbolicLink(Path.Combine(files.Root, "current"), folder);
        foreach (var file in new[] { files.Certificate, files.Key })
        {
            File.Move(file, Path.Combine(folder, Path.GetFileName(file)));
            File.CreateSymbolicLink(file, Path.Combine("current", Path.GetFileName(file)));
        }

        await using var registry = await StartAsync();
        var renewedFolder = Directory.CreateDirectory(Path.Combine(files.Root, "v2")).FullName;
        File.Delete(Path.Combine(files.Root, "current"));
        Directory.CreateSymbolicLink(Path.Combine(files.Root, "current"), renewedFolder);
        var renewed = files.WriteServer();
        await WaitUntilCheckedAsync();
        using var client = Connect(registry, out var shown);
        await client.GetStringAsync("healthz", Stop);
        Assert.Equal(renewed, shown.Serial);
    }

    [Fact]
    public async Task A_broken_new_certificate_changes_nothing_but_the_log()
    {
        await using var registry = await StartAsync();
        using var before = Connect(registry, out var shownBefore);
        await before.GetStringAsync("healthz", Stop);
        await File.WriteAllTextAsync(files.Certificate, "-----BEGIN CERTIFICATE-----\nhalf", Stop);
        await WaitUntilCheckedAsync();
        using var after = Connect(registry, out var shownAfter);
        await after.GetStringAsync("healthz", Stop);
        Assert.Equal(shownBefore.Serial, shownAfter.Serial);
        var line = await RequestLogTests.LineAsync(registry, "can't be used");
        Assert.Contains($" error The certificate {files.Certificate} changed", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_client_CAs_only_their_clients_get_in()
    {
        await using var registry = await StartAsync(
            http => http with { Tls = http.Tls with { ClientCas = [files.ClientIssuer] } });
        using var known = Connect(registry, out _, files.CreateClient(isKnown: true));
        Assert.Equal("{}", await known.GetStringAsync("v2/", Stop));
        using var stranger = Connect(registry, out _, files.CreateClient(isKnown: false));
        await Assert.ThrowsAsync<HttpRequestException>(() => stranger.GetStringAsync("v2/", Stop));
        using var nobody = Connect(registry, out _);
        await Assert.ThrowsAsync<HttpRequestException>(() => nobody.GetStringAsync("v2/", Stop));
    }

    public void Dispose() => files.Dispose();

    /// <summary>The files are looked at once a second at most.</summary>
    private static Task WaitUntilCheckedAsync() => Task.Delay(1100, Stop);

    private Task<RegistryFixture> StartAsync(
        Func<HttpSettings, HttpSettings>? change = null, LimitSettings? limits = null) =>
        RegistryFixture.StartAsync(settings =>
        {
            var http = settings.Http with
            {
                Tls = new TlsSettings { Certificate = files.Certificate, Key = files.Key },
            };
            return settings with { Http = change?.Invoke(http) ?? http, Limits = limits ?? settings.Limits };
        });

    private static HttpClient Connect(RegistryFixture registry, out Shown shown, X509Certificate2? own = null)
    {
        var seen = shown = new Shown();
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (own is not null)
        {
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => own;
        }

        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
        {
            seen.Serial = ((X509Certificate2)certificate!).SerialNumber;
            seen.Add([certificate.Subject, .. chain!.ChainPolicy.ExtraStore.Select(c => c.Subject)
                .Where(s => s != certificate.Subject)]);
            return true;
        };
        return new HttpClient(handler)
        {
            BaseAddress = registry.BaseAddress,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
    }

    private static async Task<SslStream> HandshakeAsync(
        RegistryFixture registry, SslProtocols protocols, params SslApplicationProtocol[] offered)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(registry.BaseAddress.Host, registry.BaseAddress.Port, Stop);
        var stream = new SslStream(
            new NetworkStream(socket, ownsSocket: true), false, (_, shown, _, _) => shown?.Subject == "CN=localhost");
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                EnabledSslProtocols = protocols,
                ApplicationProtocols = [.. offered],
            },
            Stop);
        return stream;
    }

    private sealed class Shown : List<string[]>
    {
        public string? Serial { get; set; }
    }
}
