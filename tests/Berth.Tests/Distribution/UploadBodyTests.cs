using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Blobs;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Bodies that break off, are not what they claim or never end, and what a later request finds.</summary>
[Inside]
public class UploadBodyTests
{
    private const int MiB = 1024 * 1024;
    private const int HangingUp = 400;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("0-3", "0-3")]
    [InlineData("0-3", "4-7")]
    [InlineData("0-3, 4-7", null)]
    public async Task A_chunk_that_says_twice_where_it_belongs_is_refused(string first, string? second)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var upload = await StartAsync(registry);
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync($"PATCH {upload} HTTP/1.1\r\nHost: a\r\nContent-Range: {first}\r\n"
            + (second is null ? "" : $"Content-Range: {second}\r\n") + "Content-Length: 4\r\n\r\nabcd");
        Assert.Equal(400, (await connection.ReadAnswerAsync()).Status);
        await new Script(registry) { ["upload"] = upload }.PlayAsync(
            "PUT {upload}?digest={sha256 abcd}\n Content-Range: 0-3\n > abcd\n 201");
    }

    [Theory]
    [InlineData("Content-Length: 4294967296", "")]
    [InlineData("Transfer-Encoding: chunked", "100000\r\n")]
    public async Task After_a_413_a_client_that_keeps_sending_is_cut_off(string framing, string chunk)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { MaximumUploadBytes = 1000, RefusedBodyBytes = MiB } });
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"PATCH {await StartAsync(registry)} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        var end = chunk.Length > 0 ? "\r\n"u8 : [];
        var piece = (byte[])[.. Encoding.Latin1.GetBytes(chunk), .. new byte[MiB], .. end];
        var reading = connection.ReadAnswerAsync();
        var sent = 0;
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            for (; sent < 512; sent++) await connection.SendAsync(piece);
        });
        Assert.InRange(sent, 1, 64);
        Assert.Equal(413, (await reading).Status);
    }

    [Fact]
    public async Task After_a_413_whose_body_ends_soon_the_connection_stays_usable()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { MaximumUploadBytes = 1000 } });
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"PATCH {await StartAsync(registry)} HTTP/1.1\r\nHost: a\r\nContent-Length: {2 * MiB}\r\n\r\n");
        await connection.SendAsync(new byte[2 * MiB]);
        Assert.Equal(413, (await connection.ReadAnswerAsync()).Status);
        await connection.SendAsync("GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
    }

    [Theory]
    [InlineData("Content-Length: 1000000", "")]
    [InlineData("Transfer-Encoding: chunked", "f4240\r\n")]
    public async Task Clients_that_hang_up_in_the_middle_of_a_chunk_leave_no_read_pending(string framing, string chunk)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { UploadsPerClient = HangingUp } });
        var (uploads, connections) = (new List<string>(), new List<RawConnection>());
        for (var i = 0; i < HangingUp; i++)
        {
            uploads.Add(await StartAsync(registry));
            connections.Add(await RawConnection.OpenAsync(registry));
            await connections[i].SendAsync(
                $"PATCH {uploads[i]} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n");
            await connections[i].ReadSomeAsync();
            await connections[i].SendAsync(chunk);
            await connections[i].SendAsync(new byte[10_000]);
        }

        foreach (var connection in connections) connection.Reset();
        foreach (var upload in uploads)
        {
            await Eventually.TrueAsync(() =>
                registry.Output.Contains($"PATCH {upload} ", StringComparison.Ordinal));
        }

        await new Script(registry) { ["upload"] = uploads[0] }.PlayAsync("DELETE {upload}\n 204");
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Warning", StringComparison.Ordinal));
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    /// <summary>
    /// The server would try to read the rest of the body over a read that it believes to be pending, and log that with
    /// a stack trace: on a busy machine it learns of the broken connection later than the read does.
    /// </summary>
    [Fact]
    public async Task A_request_whose_connection_breaks_is_aborted_before_it_ends_and_its_upload_is_free()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var upload = await StartAsync(registry);
        var body = new Pipe();
        await body.Writer.WriteAsync("abcd"u8.ToArray(), Stop);
        await body.Writer.CompleteAsync(new ConnectionResetException("the client reset the connection"));
        var request = new BrokenRequest(body.Reader);
        var http = new DefaultHttpContext();
        http.Features.Set<IRequestBodyPipeFeature>(request);
        http.Features.Set<IHttpRequestLifetimeFeature>(request);
        Assert.Null(V2Target.Check(V2Path.Parse(upload), "PATCH", out var target));
        var endpoints = registry.Services.GetRequiredService<UploadEndpoints>();
        await Assert.ThrowsAsync<ConnectionResetException>(
            () => endpoints.AppendAsync(new V2Request(http, target, Caller.Anonymous)));
        Assert.True(request.IsAborted);
        await new Script(registry) { ["upload"] = upload }.PlayAsync("DELETE {upload}\n 204");
    }

    [Theory]
    [InlineData("nothing", false)]
    [InlineData("its row loses the hash", true)]
    [InlineData("the machine restarts", true)]
    [InlineData("its file grows", true)]
    public async Task After_a_clean_restart_an_upload_resumes_without_being_read_again(
        string fault, bool isReadAgain)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var content = StoreUse.Bytes(1, 3 * MiB);
        var script = new Script(registry) { ["upload"] = await StartAsync(registry) };
        script.Give("content", content);
        script.Give("start", content[..MiB]);
        await script.PlayAsync("PATCH {upload}\n > {start}\n 202");
        await registry.RestartAsync();
        Assert.True(UploadId.TryParse(script["upload"].Split('/')[^1], out var id));
        var table = registry.Services.GetRequiredService<UploadTable>();
        var sent = MiB;
        switch (fault)
        {
            case "its row loses the hash":
                await table.SetStateAsync(id, state: null, TimeProvider.System.GetUtcNow(), Stop);
                break;
            case "the machine restarts":
                var state = (await table.FindAsync(id, Stop))!.State!;
                await table.SetStateAsync(id, "another" + state, TimeProvider.System.GetUtcNow(), Stop);
                break;
            case "its file grows":
                sent += 1000;
                await File.AppendAllBytesAsync(
                    Path.Combine(registry.DataFolder, "uploads", id.Text), content[MiB..sent], Stop);
                break;
        }

        script.Give("rest", content[sent..]);
        await script.PlayAsync(
            """
            PUT {upload}?digest={sha256 content}
              > {rest}
              201
            GET /v2/a/blobs/{sha256 content}
              200
              < {content}
            """);
        Assert.Equal(isReadAgain, registry.Log.Any(l => l.Contains("reading it again", StringComparison.Ordinal)));
    }

    private static async Task<string> StartAsync(RegistryFixture registry)
    {
        using var answer = await registry.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        return answer.Headers.Location!.OriginalString;
    }

    private sealed class BrokenRequest(PipeReader body) : IRequestBodyPipeFeature, IHttpRequestLifetimeFeature
    {
        public PipeReader Reader => body;

        public CancellationToken RequestAborted { get; set; }

        public bool IsAborted { get; private set; }

        public void Abort() => IsAborted = true;
    }
}
