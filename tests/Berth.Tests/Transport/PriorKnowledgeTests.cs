using System.Net;
using Berth.Settings;

namespace Berth.Tests.Transport;

public sealed class PriorKnowledgeTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_port_without_TLS_speaks_HTTP_2_and_HTTP_1_1()
    {
        await using var registry = await StartAsync(isEnabled: true);
        foreach (var version in new[] { HttpVersion.Version20, HttpVersion.Version11 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "v2/a/blobs/uploads/")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var answer = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(version, answer.Version);
            var location = answer.Headers.Location!.OriginalString;
            Assert.StartsWith(registry.BaseAddress + "v2/a/", location, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_first_bytes_may_come_one_by_one()
    {
        await using var registry = await StartAsync(isEnabled: true);
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        foreach (var letter in "PUT /v2/ HTTP/1.1\r\n") await connection.SendAsync(letter.ToString());
        await connection.SendAsync("Host: x\r\nContent-Length: 0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 405 ", await connection.ReadUntilAsync("\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_setting_a_port_without_TLS_speaks_HTTP_1_1_only()
    {
        await using var registry = await StartAsync(isEnabled: false);
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await Assert.ThrowsAsync<HttpRequestException>(() => registry.Client.SendAsync(request, Stop));
    }

    private static Task<RegistryFixture> StartAsync(bool isEnabled) => RegistryFixture.StartAsync(s => s with
    {
        Http = s.Http with { H2c = new H2cSettings { Enabled = isEnabled }, RelativeUrls = false },
    });
}
