using Berth.Metadata;
using Berth.Oci;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Uploads that were begun and rest: clients may come back to them days later, and they cost little.</summary>
[Inside]
public class RestingUploadTests
{
    private const int Count = 40;
    private const int Most = 4;

    private static readonly string[] Contents = [.. Enumerable.Range(0, Count).Select(i => $"first{i}")];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task However_many_uploads_rest_only_some_have_a_file_open_and_all_can_be_resumed()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => s with { Limits = s.Limits with { ConcurrentUploads = Most } });
        var uploads = new string[Count];
        for (var i = 0; i < Count; i++)
        {
            uploads[i] = await StartAsync(registry);
            await new Script(registry).PlayAsync($"PATCH {uploads[i]}\n > {Contents[i]}\n 202");
            Assert.InRange(OpenFilesIn(registry), 1, Most);
        }

        for (var i = 0; i < Count; i++)
        {
            await new Script(registry) { ["upload"] = uploads[i] }.PlayAsync(
                $$"""
                GET {upload}
                  204
                  Range: 0-{{Contents[i].Length - 1}}
                PATCH {upload}
                  > second
                  202
                PUT {upload}?digest={sha256 {{Contents[i]}}second}
                  201
                """);
        }

        Assert.DoesNotContain(registry.Log, l => l.Contains("reading it again", StringComparison.Ordinal));
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whoever_goes_on_with_an_upload_that_is_just_being_closed_waits_for_that()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => s with { Limits = s.Limits with { ConcurrentUploads = 2 } });
        var (first, second) = (await StartAsync(registry), await AddAsync(registry));
        await new Script(registry).PlayAsync($"PATCH {first}\n > ab\n 202");
        await new Script(registry).PlayAsync($"PATCH {await StartAsync(registry)}\n > a\n 202");

        // What closes the first upload waits for its row.
        var (isHeld, isOver) = (new TaskCompletionSource(), new TaskCompletionSource());
        var holding = registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                await session.RunAsync("UPDATE upload SET version = version WHERE id = $1", first.Split('/')[^1]);
                isHeld.SetResult();
                await isOver.Task;
                return 0;
            },
            isDurable: false, Stop);
        await isHeld.Task;
        var closing = new Script(registry).PlayAsync($"PATCH {second}\n > abc\n 202");
        await Eventually.TrueAsync(async () => (await registry.StoredAsync("uploads")).Contains(3));
        await AskAroundAsync(registry);
        var resuming = new Script(registry).PlayAsync($"PATCH {first}\n > cd\n 202");
        await AskAroundAsync(registry);
        isOver.SetResult();
        await Task.WhenAll(holding, closing, resuming);
        await new Script(registry).PlayAsync($$"""PUT {{first}}?digest={sha256 abcd}""" + "\n 201");
        Assert.DoesNotContain(registry.Log, l => l.Contains("reading it again", StringComparison.Ordinal));
    }

    /// <summary>An upload that is open has no hash in its row.</summary>
    [Fact]
    public async Task Asking_how_far_an_upload_came_does_not_open_it()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var script = new Script(registry) { ["upload"] = await StartAsync(registry) };
        await script.PlayAsync("GET {upload}\n 204\n Range: 0-0\nPATCH {upload}\n > abcd\n 202");
        await registry.RestartAsync();
        await new Script(registry) { ["upload"] = script["upload"] }.PlayAsync("GET {upload}\n 204\n Range: 0-3");
        Assert.True(UploadId.TryParse(script["upload"].Split('/')[^1], out var id));
        Assert.NotNull((await registry.Services.GetRequiredService<UploadTable>().FindAsync(id, Stop))!.State);
    }

    /// <summary>An upload that has a row already.</summary>
    private static async Task<string> AddAsync(RegistryFixture registry)
    {
        var row = new UploadRow(
            UploadId.New(), RepositoryName.Parse("a"), DigestAlgorithm.Sha256, State: null, Version: 0,
            TimeProvider.System.GetUtcNow());
        await registry.Services.GetRequiredService<UploadTable>().AddAsync(row, "somebody", becomes: null, Stop);
        return $"/v2/a/blobs/uploads/{row.Id}";
    }

    private static async Task<string> StartAsync(RegistryFixture registry)
    {
        using var answer = await registry.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        return answer.Headers.Location!.OriginalString;
    }

    /// <summary>Some requests, while which others get on.</summary>
    private static async Task AskAroundAsync(RegistryFixture registry)
    {
        for (var i = 0; i < 20; i++) await new Script(registry).PlayAsync("GET /v2/\n 200");
    }

    private static int OpenFilesIn(RegistryFixture registry)
    {
        var folder = Path.Combine(registry.DataFolder, "uploads") + "/";
        return new DirectoryInfo("/proc/self/fd").EnumerateFiles()
            .Count(file => file.LinkTarget?.StartsWith(folder, StringComparison.Ordinal) == true);
    }
}
