using System.Net;
using System.Net.Sockets;
using Berth.Oci;
using Berth.Tests.Distribution;
using Berth.Tests.Hosting;
using Berth.Tests.Servers;

namespace Berth.Tests.Transport;

/// <summary>The nginx block of docs/getting-started.md, in a real nginx before a Berth that trusts it.</summary>
public sealed class DocumentedProxyTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("X-Forwarded-Prefix: /evil")]
    [InlineData("X-Forwarded-Host: evil.example")]
    [InlineData("X-Forwarded-Proto: javascript")]
    [InlineData("X-Forwarded-Proto: https")]
    [InlineData("X-Forwarded-For: 6.6.6.6")]
    [InlineData("Forwarded: for=6.6.6.6;host=evil.example;proto=https")]
    public async Task Nothing_that_a_client_says_of_its_way_gets_into_an_address_or_the_log(string header)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Http = s.Http with
                {
                    TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)],
                    RelativeUrls = false,
                },
            });
        await using var nginx = await RoundRobinProxy.StartAsync(Block(registry.BaseAddress.Authority));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, ConnectCallback = ConnectAsync });
        var script = await Images.ScriptAsync(registry, "a");
        foreach (var tag in new[] { "t", "u" })
        {
            await script.PlayAsync(
                $"PUT /v2/a/manifests/{tag}\n Content-Type: {MediaTypes.OciManifest}\n > {{image}}\n 201");
        }

        foreach (var path in new[] { "v2/a/blobs/uploads/", "v2/a/tags/list?n=1" })
        {
            var isPost = path.EndsWith('/');
            using var request = new HttpRequestMessage(
                isPost ? HttpMethod.Post : HttpMethod.Get, new Uri(nginx.BaseAddress, path));
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            request.Headers.TryAddWithoutValidation(header[..colon], header[(colon + 1)..].Trim());
            using var answer = await client.SendAsync(request, Stop);
            var address = isPost ? answer.Headers.Location!.OriginalString : answer.Headers.GetValues("Link").Single();
            Assert.StartsWith(
                $"{(isPost ? "" : "<")}{nginx.BaseAddress}v2/a/", address, StringComparison.Ordinal);
        }

        var line = await RequestLogTests.LineAsync(registry, "GET /v2/a/tags/list");
        Assert.Contains(" client=127.0.0.2 ", line, StringComparison.Ordinal);
    }

    /// <summary>From an address that is not the proxy's.</summary>
    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>The block as it stands in the page, without TLS and on other ports.</summary>
    private static string Block(string berth)
    {
        var lines = SourceTree.Files.Single(f => f.Path == "docs/getting-started.md").Lines
            .SkipWhile(l => l != "```nginx").Skip(1).TakeWhile(l => l != "```").ToList();
        Assert.Contains("  listen 443 ssl;", lines);
        Assert.Contains("    proxy_pass http://127.0.0.1:5000;", lines);
        return string.Join('\n', lines.Where(l => !l.Contains("ssl_certificate", StringComparison.Ordinal)))
            .Replace("listen 443 ssl;", "listen 127.0.0.1:PORT;", StringComparison.Ordinal)
            .Replace("server_name registry.example.com;", "", StringComparison.Ordinal)
            .Replace("127.0.0.1:5000", berth, StringComparison.Ordinal);
    }
}
