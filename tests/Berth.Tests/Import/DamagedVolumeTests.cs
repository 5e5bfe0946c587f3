using System.Text;
using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Import;

/// <summary>Volumes of registry:2 that are damaged, old or odd: what is whole comes, the rest is reported.</summary>
[Once]
public sealed class DamagedVolumeTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-volume-").FullName;
    private RegistryFixture registry = null!;
    private TestVolume volume = null!;
    private JsonElement done;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
        });
        volume = new TestVolume(Path.Combine(folder, "old"));
        volume.AddImage("good", "whole", "1");
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Repositories_without_room_are_reported_and_the_others_come()
    {
        volume.AddImage("small", "a layer of 20 bytes.", "1");
        volume.AddImage("few", "one", "1");
        volume.AddImage("few", "two", "2");
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session => await session.RunAsync("INSERT INTO quota VALUES ('small', 15, NULL, 80, 1, 'x', 1)")
                + await session.RunAsync("INSERT INTO quota VALUES ('few', NULL, 1, 80, 1, 'x', 1)"),
            isDurable: true, Stop);
        var notes = await ImportAsync();
        Assert.Equal(
            ["repository failed few", "repository failed small"],
            notes.Select(note => $"{note.Kind} {note.Subject}").Order(StringComparer.Ordinal));
        Assert.Contains(notes, note => note.Detail.Contains("of at most 1 tags", StringComparison.Ordinal));
        Assert.Equal(["1"], await TagsAsync("good"));
        Assert.Empty(await TagsAsync("few"));
        Assert.Empty(await TagsAsync("small"));
    }

    [Fact]
    public async Task What_dangles_or_is_altered_is_reported_and_the_rest_comes()
    {
        volume.AddTag("good", "dangling", "sha256:" + new string('a', 64));
        var gone = volume.AddImage("good", "manifest without its content");
        File.Delete(volume.BlobPath(gone));
        var altered = volume.AddImage("good", "manifest with other content");
        await File.AppendAllTextAsync(volume.BlobPath(altered), " ", Stop);
        var incomplete = volume.AddImage("bad", "missing layer", "incomplete");
        File.Delete(volume.BlobPath(DigestOf("missing layer")));
        var lying = volume.AddImage("bad", "true layer", "lying");
        await File.WriteAllTextAsync(volume.BlobPath(DigestOf("true layer")), "lies, layer", Stop);
        var sharing = volume.AddManifest("bad", TestVolume.ImageOf((DigestOf("true layer"), 10)));
        var child = volume.AddImage("bad", "child");
        var index = volume.AddManifest("bad", TestVolume.IndexOf(child, "sha256:" + new string('b', 64)), "index");
        volume.AddBlob("nobody links this, 30 bytes   ");

        var notes = await ImportAsync();
        string[] expected =
            [
                $"altered blob bad@{DigestOf("true layer")}",
                $"altered manifest good@{altered}",
                "dangling tag bad:incomplete", "dangling tag bad:index", "dangling tag bad:lying",
                "dangling tag good:dangling",
                $"missing blob bad@{incomplete}", $"missing blob bad@{lying}", $"missing blob bad@{sharing}",
                $"missing manifest bad@{index}", $"missing manifest good@{gone}",
            ];
        Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            notes.Select(note => $"{note.Kind} {note.Subject}").Order(StringComparer.Ordinal));
        Assert.Contains(notes, note => note.Detail.Contains(
            $"{DigestOf("missing layer")} is missing", StringComparison.Ordinal));
        Assert.Contains(notes, note => note.Detail.Contains(
            $"{DigestOf("true layer")} has other content than its digest says", StringComparison.Ordinal));
        Assert.Equal(["1"], await TagsAsync("good"));
        Assert.Empty(await TagsAsync("bad"));
        Assert.NotNull(await MovedRegistry.ManifestAsync(registry.Client, "bad", child));
        Assert.Null(await MovedRegistry.ManifestAsync(registry.Client, "bad", lying));

        // What nothing needs stays, and so do the parts of what can't be taken.
        Assert.True(done.GetProperty("leftFiles").GetInt64() > 3);
        Assert.Equal(0, await UploadsAsync());
    }

    /// <summary>A registry:2 that deletes a manifest removes its link, and keeps its file until it collects.</summary>
    [Fact]
    public async Task An_index_whose_image_was_deleted_at_the_source_is_refused_and_the_rest_comes()
    {
        var (kept, deleted) = (volume.AddImage("multi", "kept"), volume.AddImage("multi", "deleted"));
        File.Delete(volume.InRepository("multi", $"_manifests/revisions/{deleted.Replace(':', '/')}/link"));
        var index = volume.AddManifest("multi", TestVolume.IndexOf(kept, deleted), "1");
        var gone = volume.AddImage("multi", "its file is gone");
        File.Delete(volume.BlobPath(gone));
        var other = volume.AddManifest("multi", TestVolume.IndexOf(kept, gone), "2");

        var notes = await ImportAsync();
        Assert.Equal(
            new[]
            {
                "dangling tag multi:1", "dangling tag multi:2", $"missing manifest multi@{index}",
                $"missing manifest multi@{other}", $"missing manifest multi@{gone}",
            }.Order(StringComparer.Ordinal),
            notes.Select(note => $"{note.Kind} {note.Subject}").Order(StringComparer.Ordinal));
        Assert.Contains(notes, note => note.Detail == $"was not taken: {deleted} is not in the repository");
        Assert.Contains(notes, note => note.Detail
            == $"was not taken: {gone} was not taken either; its own row says why");
        Assert.NotNull(await MovedRegistry.ManifestAsync(registry.Client, "multi", kept));
        Assert.Null(await MovedRegistry.ManifestAsync(registry.Client, "multi", index));
    }

    [Fact]
    public async Task Names_and_files_that_no_registry_makes_today_are_reported()
    {
        volume.AddImage("Upper/Case", "upper", "1");
        volume.AddImage("good", "tag", "-wrong");
        TestVolume.Write(volume.InRepository("good", "_manifests/tags/torn/current/link"), "sha256:12");
        TestVolume.Write(volume.InRepository("good", "_manifests/revisions/sha256/12/link"), "");
        TestVolume.Write(volume.InRepository("good", "_uploads/1234/startedat"), "2020-01-01T00:00:00Z");
        TestVolume.Write(volume.InRepository("good", "_uploads/1234/data"), "half");
        TestVolume.Write(volume.InRepository("good", "_layers/tarsum/v1/sha256/12/link"), "tarsum");
        TestVolume.Write(volume.InRepository("stray", "file"), "no repository");
        Directory.CreateSymbolicLink(volume.InRepository("good", "loop"), volume.Folder);
        var schema1 = volume.AddManifest("good", """{"schemaVersion":1,"name":"good","tag":"old"}""", "old");
        var notes = await ImportAsync();
        Assert.Equal(
            [
                "dangling tag good:old", "files of old versions good", "invalid link good", "invalid link good:torn",
                "invalid name Upper/Case", "invalid name good:-wrong", $"refused manifest good@{schema1}",
                "unfinished upload good",
            ],
            notes.Select(note => $"{note.Kind} {note.Subject}").Order(StringComparer.Ordinal));
        Assert.Contains(notes, note => note.Detail.Contains("schema 1", StringComparison.Ordinal));
    }

    /// <summary>Registries leave blobs, links and folders of deleted images behind.</summary>
    [Fact]
    public async Task What_nothing_needs_is_told_apart_from_what_is_still_to_come()
    {
        var imported = new MovedRegistry(registry);
        volume.AddBlob("nobody links this, 30 bytes   ");
        volume.LinkLayer("good", DigestOf("collected long ago"));
        volume.LinkLayer("deleted", DigestOf("whole"));
        volume.AddImage("Upper/Case", "no name here", "1");
        var before = (await imported.ImportAsync(volume.Folder, "--dry-run")).Is(0).Output;
        Assert.Contains(
            "has 1 repository, 1 manifest and 1 tag. 1 manifest is not here yet, and neither are 6 files (", before);
        Assert.Contains("of which those come that a manifest needs", before);
        Assert.Equal(["invalid name Upper/Case"], (await ImportAsync()).Select(note => $"{note.Kind} {note.Subject}"));
        var after = (await imported.ImportAsync(volume.Folder, "--dry-run")).Is(0).Output;
        Assert.Matches("All manifests are here already; 3 files \\(.*\\) that nothing needs stay behind\\.", after);
        Assert.DoesNotContain("not here yet", after);
    }

    /// <summary>Children come before what needs them, and digests of both algorithms are found.</summary>
    [Fact]
    public async Task Nested_indexes_and_blobs_under_another_digest_come()
    {
        var child = volume.AddImage("nested", "child");
        var inner = volume.AddManifest("nested", TestVolume.IndexOf(child));
        volume.AddManifest("nested", TestVolume.IndexOf(inner), "outer");
        File.SetLastWriteTimeUtc(
            volume.InRepository("nested", $"_manifests/revisions/{child.Replace(':', '/')}/link"),
            TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(1));

        // What was uploaded as sha512 is kept as sha256, and found by a link.
        var (config, content, named) = (
            volume.AddBlob("{}"), volume.AddBlob("named by sha512"), TestVolume.Sha512("named by sha512"));
        volume.LinkLayer("named", content, named);
        volume.AddManifest("named", TestVolume.ImageOf((config, 2), (named, 15)), "1");
        Assert.Empty(await ImportAsync());
        Assert.Equal(["outer"], await TagsAsync("nested"));
        Assert.Equal(
            "named by sha512",
            await registry.Client.GetStringAsync(new Uri($"v2/named/blobs/{named}", UriKind.Relative), Stop));
    }

    [Fact]
    public async Task A_repair_at_the_source_comes_with_the_next_run()
    {
        var image = volume.AddImage("bad", "missing layer", "1");
        File.Delete(volume.BlobPath(DigestOf("missing layer")));
        Assert.Equal(2, (await ImportAsync()).Count);
        volume.AddBlob("missing layer");
        Assert.Empty(await ImportAsync());
        Assert.Equal(image, (await MovedRegistry.ManifestAsync(registry.Client, "bad", "1"))!.Value.Digest);
    }

    [Fact]
    public async Task What_is_too_large_here_is_reported()
    {
        await using var small = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
            Limits = s.Limits with { MaximumUploadBytes = 1000 },
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
        });
        volume.AddImage("large", new string('x', 1001), "1");
        var body = TestVolume.ImageOf((volume.AddBlob("{}"), 2));
        volume.AddManifest("large", body[..^1] + new string(' ', 4 << 20) + "}");
        var output = (await new MovedRegistry(small).ImportAsync(volume.Folder, "--yes")).Is(0).Output;
        Assert.Contains("blob too large", output);
        Assert.Contains("at most 4194304 are allowed (limits.manifestbytes)", output);
    }

    private static string DigestOf(string content) => OldRegistry.DigestOf(Encoding.UTF8.GetBytes(content));

    /// <summary>Imports, and returns what was noted.</summary>
    private async Task<List<(string Kind, string Subject, string Detail)>> ImportAsync()
    {
        done = await new MovedRegistry(registry).ImportAsJsonAsync(volume.Folder);
        var output = (await new MovedRegistry(registry).ImportAsync(volume.Folder, "--yes")).Is(0).Output;
        var table = output.Split('\n').SkipWhile(line => !line.StartsWith("WHAT ", StringComparison.Ordinal)).ToList();
        if (table.Count == 0) return [];
        var (where, detail) = (
            table[0].IndexOf("WHERE", StringComparison.Ordinal), table[0].IndexOf("DETAIL", StringComparison.Ordinal));
        return
        [
            .. table.Skip(1).Where(line => line.Length > detail)
                .Select(line => (line[..where].Trim(), line[where..detail].Trim(), line[detail..].Trim())),
        ];
    }

    private async Task<List<string>> TagsAsync(string repository)
    {
        var json = await registry.Client.GetStringAsync(
            new Uri($"v2/{repository}/tags/list", UriKind.Relative), Stop);
        var tags = JsonDocument.Parse(json).RootElement.GetProperty("tags");
        return [.. tags.EnumerateArray().Select(tag => tag.GetString()!)];
    }

    private async Task<int> UploadsAsync() => (await registry.StoredAsync("uploads")).Count;
}
