using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;
using Berth.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Hosting;

[Inside]
public sealed class FaultTests
{
    /// <summary>More than any socket takes before its client reads.</summary>
    private const int LargeBytes = 64 * 1024 * 1024;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_unexpected_error_is_a_500_whose_id_is_in_the_log_with_the_stack()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with { Headers = new Dictionary<string, IReadOnlyList<string>> { ["X-Mine"] = ["1"] } },
        });
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("ALTER TABLE repository RENAME TO elsewhere"), isDurable: false, Stop);
        using var answer = await registry.Client.GetAsync("v2/a/tags/list", Stop);
        var id = answer.Headers.GetValues("X-Request-Id").Single();
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal(["1"], answer.Headers.GetValues("X-Mine"));
        var body = await answer.Content.ReadAsStringAsync(Stop);
        using var json = JsonDocument.Parse(body);
        Assert.Equal(id, json.RootElement.GetProperty("errors")[0].GetProperty("detail").GetString());
        Assert.DoesNotContain("repository", body, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(" at ", body, StringComparison.Ordinal);

        var line = await RequestLogTests.LineAsync(registry, "id=" + id);
        Assert.Contains(" 500 ", line, StringComparison.Ordinal);
        Assert.Contains(
            $" error Unexpected error in request {id}\n    "
            + (TestEngines.IsPostgres ? "Npgsql.PostgresException" : "Microsoft.Data.Sqlite.SqliteException"),
            registry.Output,
            StringComparison.Ordinal);
        Assert.Contains("\n       at Berth.Metadata.", registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_can_not_even_be_answered_is_over_for_its_connection_too()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var client = new ConnectedClient(IPAddress.Loopback, isProxy: false);
        var connection = new OpenConnection(socket, client, TimeProvider.System);
        var http = new DefaultHttpContext();
        http.Features.Set(connection);
        http.Response.Body = new MemoryStream([]);
        var boundary = new RequestBoundary(
            _ => throw new InvalidOperationException("unforeseen"), new AnswerHeaders(new HttpSettings()),
            requests: null, new LimitSettings(), TimeProvider.System, NullLogger<RequestBoundary>.Instance);
        await Assert.ThrowsAsync<NotSupportedException>(() => boundary.HandleAsync(http));
        Assert.Equal(0, connection.Running);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_cut_so_that_nobody_takes_it_for_whole()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var blob = await PushAsync(registry, LargeBytes);
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        await connection.SendAsync($"GET /v2/a/blobs/{blob} HTTP/1.0\r\n\r\n");
        await connection.ReadUntilAsync("\r\n\r\n");
        var file = new DirectoryInfo(registry.DataFolder).EnumerateFiles("*", SearchOption.AllDirectories)
            .Single(f => f.Length == LargeBytes);
        using (var shrinking = new FileStream(file.FullName, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            shrinking.SetLength(LargeBytes / 2);
        }

        Assert.True(await connection.CountToEndAsync() < LargeBytes);
        var line = await RequestLogTests.LineAsync(registry, "GET /v2/a/blobs/");
        Assert.Contains(" 500 ", line, StringComparison.Ordinal);
        Assert.Contains("EndOfStreamException", registry.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_goes_away_while_it_pushes_is_no_error(bool isReset)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        using var answer = await registry.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        await connection.SendAsync(
            $"PATCH {answer.Headers.Location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello");
        await Task.Delay(100, Stop);
        if (isReset) connection.Reset();
        else connection.Dispose();
        await AssertClientGoneAsync(registry, "PATCH ");
    }

    [Theory]
    [InlineData("1.0")]
    [InlineData("1.1")]
    public async Task A_client_that_goes_away_while_it_pulls_is_no_error(string version)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var blob = await PushAsync(registry, LargeBytes);
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        await connection.SendAsync($"GET /v2/a/blobs/{blob} HTTP/{version}\r\nHost: x\r\n\r\n");
        await connection.ReadUntilAsync("\r\n\r\n");
        connection.Reset();
        await AssertClientGoneAsync(registry, "GET /v2/a/blobs/");
    }

    private static async Task AssertClientGoneAsync(RegistryFixture registry, string request)
    {
        var line = await RequestLogTests.LineAsync(registry, request);
        Assert.True(line.Contains(" 499 ", StringComparison.Ordinal), registry.Output);
        Assert.DoesNotContain(" error ", registry.Output, StringComparison.Ordinal);
    }

    private static async Task<string> PushAsync(RegistryFixture registry, int length)
    {
        var content = new byte[length];
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));
        using var answer = await registry.Client.PostAsync(
            $"v2/a/blobs/uploads/?digest={digest}", new ByteArrayContent(content), Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return digest;
    }
}
