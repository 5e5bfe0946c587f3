using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Blobs;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>
/// However a request on an upload ends, and whatever fails on the way, the upload is released afterwards.
/// </summary>
[Inside]
public class UploadLeaseTests
{
    private const int Half = 300_000;
    private static readonly byte[] Content = StoreUse.Bytes(1, 2 * Half);
    private static readonly Digest Right = StoreUse.DigestOf(Content);
    private static readonly Digest Wrong = StoreUse.DigestOf(Content[1..]);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, bool> Ends()
    {
        var ends = new TheoryData<string, string, bool>();
        foreach (var store in new[] { "folder", "bucket" })
        {
            ends.Add(store, "PATCH {upload}", false);
            ends.Add(store, "PATCH {upload}", true);
            ends.Add(store, $"PUT {{upload}}?digest={Right}", false);
            ends.Add(store, $"PUT {{upload}}?digest={Right}", true);
            ends.Add(store, $"PUT {{upload}}?digest={Wrong}", false);
        }

        return ends;
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task An_upload_whose_request_ends_while_the_database_fails_is_released_once_it_is_back(
        string store, string request, bool isHungUp)
    {
        await using var registry = store == "bucket"
            ? await RegistryFixture.StartOnS3Async()
            : await RegistryFixture.StartOnFilesAsync();
        var upload = await StartAsync(registry);
        var line = request.Replace("{upload}", upload, StringComparison.Ordinal);
        using (var connection = await BeginAsync(registry, line))
        {
            await BreakAsync(registry);
            if (!isHungUp)
            {
                await connection.SendAsync(Content[Half..]);
                Assert.InRange((await connection.ReadAnswerAsync()).Status, 202, 503);
            }
            else
            {
                connection.Reset();
            }
        }

        await Eventually.TrueAsync(() =>
            registry.Output.Contains(line.Split('?')[0] + " ", StringComparison.Ordinal));
        await MendAsync(registry);
        await AssertFreeAsync(registry);

        // In a folder, an upload that was never recorded can end without the database.
        var isOver = store == "folder" && request.Contains(Wrong.Text, StringComparison.Ordinal);
        await new Script(registry) { ["upload"] = upload }.PlayAsync(
            isOver ? "GET {upload}\n 404" : "DELETE {upload}\n 204\nGET {upload}\n 404");

        // What a request stored in a bucket but could not record in the table is removed like the orphans of a dead
        // node.
        await registry.Services.GetRequiredService<IBlobStore>().RemoveOrphansAsync(
            TimeProvider.System.GetUtcNow().AddHours(1), _ => ValueTask.FromResult(false), Stop);
        Assert.Empty(await registry.StoredAsync("uploads"));
        await new Script(registry).PlayAsync($"HEAD /v2/a/blobs/{Right}\n 404");
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("bucket")]
    public async Task A_whole_blob_in_one_request_whose_end_fails_leaves_no_memory_taken(string store)
    {
        await using var registry = store == "bucket"
            ? await RegistryFixture.StartOnS3Async()
            : await RegistryFixture.StartOnFilesAsync();
        foreach (var digest in new[] { Right, Wrong })
        {
            using var connection = await BeginAsync(registry, $"POST /v2/a/blobs/uploads/?digest={digest}");
            await BreakAsync(registry);
            await connection.SendAsync(Content[Half..]);
            Assert.InRange((await connection.ReadAnswerAsync()).Status, 400, 503);
            await MendAsync(registry);
            await AssertFreeAsync(registry);
        }

        await new Script(registry).PlayAsync($"HEAD /v2/a/blobs/{Right}\n 404");
    }

    [Fact]
    public async Task A_cancellation_that_the_database_refuses_can_be_repeated()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var script = new Script(registry) { ["upload"] = await StartAsync(registry) };
        await script.PlayAsync("PATCH {upload}\n > abcd\n 202");
        await BreakAsync(registry);
        await script.PlayAsync("DELETE {upload}\n 500");
        await MendAsync(registry);
        await script.PlayAsync("DELETE {upload}\n 204\nDELETE {upload}\n 404");
    }

    private static async Task<string> StartAsync(RegistryFixture registry)
    {
        using var response = await registry.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        return response.Headers.Location!.OriginalString;
    }

    /// <summary>Sends a request and half of its body, and returns once the registry has it.</summary>
    private static async Task<RawConnection> BeginAsync(RegistryFixture registry, string request)
    {
        var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync($"{request} HTTP/1.1\r\nHost: a\r\nContent-Length: {Content.Length}\r\n\r\n");
        await connection.SendAsync(Content[..Half]);
        await Eventually.TrueAsync(registry.IsReceivingAsync);
        return connection;
    }

    /// <summary>No statement about uploads works until <see cref="MendAsync"/>.</summary>
    private static Task BreakAsync(RegistryFixture registry) =>
        ChangeAsync(registry, "ALTER TABLE upload RENAME TO upload_away");

    private static Task MendAsync(RegistryFixture registry) =>
        ChangeAsync(registry, "ALTER TABLE upload_away RENAME TO upload");

    private static async Task ChangeAsync(RegistryFixture registry, string sql) =>
        await registry.Services.GetRequiredService<Database>().WriteAsync(s => s.RunAsync(sql), isDurable: false);

    private static Task AssertFreeAsync(RegistryFixture registry) => Eventually.TrueAsync(() =>
        registry.Services.GetRequiredService<IBlobStore>() is not ObjectBlobStore store
        || store.Memory.FreeBytes == new S3Settings().UploadMemoryBytes);
}
