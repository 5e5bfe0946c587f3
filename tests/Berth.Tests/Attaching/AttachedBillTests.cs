using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Attaching;
using Berth.Disk;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Policies;
using Berth.Tests.Verifying;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Attaching;

/// <summary>The registry attaches bills of materials to images that came without one, if it is told to.</summary>
[Inside]
public sealed class AttachedBillTests : IAsyncLifetime
{
    private const string Spdx = "application/spdx+json";

    private static readonly SbomSettings Wanted = new() { Attach = "spdx-json", Repositories = ["team/**"] };

    private static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("app/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0"}""").End());

    private readonly AheadClock clock = new();
    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private ContentImages Images => new(registry);

    private SignedImages Artifacts => new(ApiRegistry.Of(registry), AccountsOf.AdminPassword);

    public async ValueTask InitializeAsync() => registry = await AccountsOf.StartAsync(
        settings: s => s with { Sbom = Wanted }, clock: clock);

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task An_image_gets_one_that_its_pull_finds_and_only_one()
    {
        var image = await Images.PushAsync("team/app", "1", Layer);
        await ScanAsync("team/app:1");
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/app", image));
        clock.Advance(TimeSpan.FromMinutes(3));
        await AttachAsync();
        var found = Assert.Single(await ReferrersAsync("team/app", image));
        Assert.Equal(Spdx, found.Of("artifactType"));
        var manifest = await PullAsync($"/v2/team/app/manifests/{found.Of("digest")}");
        Assert.Equal(image, manifest.GetProperty("subject").Of("digest"));
        Assert.Equal("application/vnd.oci.empty.v1+json", manifest.GetProperty("config").Of("mediaType"));
        Assert.Equal(
            "1970-01-01T00:00:00Z", manifest.GetProperty("annotations").Of("org.opencontainers.image.created"));
        var layer = manifest.GetProperty("layers")[0];
        Assert.Equal(Spdx, layer.Of("mediaType"));
        var bill = await PullAsync($"/v2/team/app/blobs/{layer.Of("digest")}");
        Assert.Equal("left-pad", bill.GetProperty("packages")[1].Of("name"));

        // It is found as what came with the image, by the registry that attached it, and pushed no tag.
        using var asked = await Images.SendAsync(
            "GET", "/api/v1/images/1/sbom?repository=team/app&source=attached", null, null, 200);
        Assert.Equal(found.Of("digest"), asked.Headers.GetValues("Berth-Sbom-Artifact").Single());
        var listed = await Images.AskAsync("1/referrers?repository=team/app");
        Assert.Equal("sbom", listed.GetProperty("items")[0].Of("pushedBy"));

        // Neither again, nor to itself; and if it is made once more, it is the same.
        await ScanAsync("team/app:1");
        await AttachAsync();
        Assert.Single(await ReferrersAsync("team/app", image));
        Assert.Empty(await ReferrersAsync("team/app", found.Of("digest")));
        await Artifacts.DeleteAsync("team/app", found.Of("digest"));
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/app", image));
        await WriteAsync("DELETE FROM sbom_attachment");
        await AttachAsync();
        Assert.Equal(found.Of("digest"), Assert.Single(await ReferrersAsync("team/app", image)).Of("digest"));
    }

    [Fact]
    public async Task An_image_gets_none_that_came_with_one_or_is_elsewhere()
    {
        var elsewhere = await Images.PushAsync("others/app", "1", Layer);
        var image = await Images.PushAsync("team/app", "1", Layer);
        await PushBillAsync("team/app", image);
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        await AttachAsync();
        Assert.Single(await ReferrersAsync("team/app", image));
        Assert.Empty(await ReferrersAsync("others/app", elsewhere));
    }

    [Fact]
    public async Task Neither_policies_nor_the_lack_of_room_break_anything()
    {
        var (full, image) = (
            await Images.PushAsync("team/full", "1", Layer), await Images.PushAsync("team/app", "1", Layer));
        using var policy = await Images.SendAsync(
            "POST", "/api/v1/policies", """{"names":"team/**","labels":["a"],"on":["push"]}"""u8.ToArray(),
            "application/json", 201);
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        using var quota = await Images.SendAsync(
            "PUT", "/api/v1/quotas/team", """{"maxBytes":1}"""u8.ToArray(), "application/json", 200);
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/full", full));
        using var more = await Images.SendAsync(
            "PUT", "/api/v1/quotas/team", """{"maxBytes":100000000}"""u8.ToArray(), "application/json", 200);
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/full", full));
        clock.Advance(TimeSpan.FromHours(25));
        await AttachAsync();
        Assert.Single(await ReferrersAsync("team/full", full));
        Assert.Single(await ReferrersAsync("team/app", image));
    }

    [Fact]
    public async Task What_is_noted_of_images_goes_with_them()
    {
        var image = await Images.PushAsync("team/app", "1", Layer);
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        await AttachAsync();
        Assert.Equal(1, await NotedAsync());
        await Artifacts.DeleteAsync("team/app", image);
        await WriteAsync("DELETE FROM trash_manifest");
        clock.Advance(TimeSpan.FromHours(2));
        await AttachAsync();
        Assert.Equal(0, await NotedAsync());
    }

    [Fact]
    public async Task One_that_its_builder_brings_later_comes_before_that_of_the_registry()
    {
        var image = await Images.PushAsync("team/app", "1", Layer);
        var beside = await PushBesideAsync("team/app");
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        await AttachAsync();
        Assert.Single(await ReferrersAsync("team/app", image));

        // As buildx does: the index, which tells what the other manifest is about, comes last.
        var (first, second) = (
            SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
            SignedImages.Describe(MediaTypes.OciManifest, (beside, 2)));
        second["annotations"] = new JsonObject { ["vnd.docker.reference.digest"] = image };
        await Artifacts.PushManifestAsync("team/app", "all", new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray(first, second),
        });
        using var asked = await Images.SendAsync(
            "GET", "/api/v1/images/1/sbom?repository=team/app", null, null, 200);
        Assert.Equal(beside, asked.Headers.GetValues("Berth-Sbom-Artifact").Single());
    }

    [Fact]
    public async Task One_that_was_deleted_does_not_come_again_when_the_repository_gets_another_name()
    {
        var image = await Images.PushAsync("team/app", "1", Layer);
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        await AttachAsync();
        var own = Assert.Single(await ReferrersAsync("team/app", image));
        await Artifacts.DeleteAsync("team/app", own.Of("digest"));
        await MoveAsync("team/app", "team/new");
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/new", image));

        // And back, to where the same image was noted once and is not forgotten yet.
        await WriteAsync(
            $"INSERT INTO sbom_attachment SELECT id, '{image}', '', 1 FROM repository WHERE name = 'team/app'");
        await MoveAsync("team/new", "team/app");
        await AttachAsync();
        Assert.Empty(await ReferrersAsync("team/app", image));
        Assert.Equal(1, await NotedAsync());
    }

    [Fact]
    public void Nor_does_it_when_a_backup_is_restored() =>
        Assert.Contains(CopiedTable.BackedUp, table => table.Name == "sbom_attachment");

    [Fact]
    public async Task Images_whose_bill_always_fails_keep_no_others_from_theirs()
    {
        // A registry that attaches nothing by itself.
        await registry.DisposeAsync();
        registry = await AccountsOf.StartAsync(clock: clock);

        // The bill does not fit into memory, and there is no folder for it.
        var tar = new RawTar();
        foreach (var number in Enumerable.Range(0, 5000))
        {
            tar.File(
                $"app/node_modules/package-{number}/package.json",
                $$"""{"name":"package-{{number}}","version":"1.0.{{number}}","license":"MIT"}""");
        }

        var large = RawTar.Gzip(tar.End());
        for (var number = 1; number <= 5; number++) await Images.PushAsync($"team/large-{number}", "1", large);
        var image = await Images.PushAsync("team/app", "1", Layer);
        var last = await Images.PushAsync("team/large-6", "1", large);
        await ScanAsync("team/large-1:1");
        await ScanAsync("team/app:1");
        clock.Advance(TimeSpan.FromMinutes(3));
        var attaching = ActivatorUtilities.CreateInstance<SbomAttaching>(
            registry.Services, new Spools("/nowhere/at/all"), new RegistrySettings { Sbom = Wanted });

        // After so many in a row it is the disk, and not the images.
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => attaching.RunAsync(Pace.Full, Stop));
        Assert.IsAssignableFrom<IOException>(failure.InnerException);
        Assert.Equal(5, await NotedAsync());
        Assert.Empty(await ReferrersAsync("team/app", image));

        // The next run begins behind them, and goes on after a single one.
        await attaching.RunAsync(Pace.Full, Stop);
        Assert.Single(await ReferrersAsync("team/app", image));
        Assert.Empty(await ReferrersAsync("team/large-6", last));
        Assert.Equal(7, await NotedAsync());
    }

    private async Task PushBillAsync(string repository, string subject)
    {
        var bill = await Artifacts.PushBlobAsync(repository, "{\"spdxVersion\":\"SPDX-2.3\"}"u8);
        await Artifacts.PushManifestAsync(repository, null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = Spdx,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await Artifacts.PushBlobAsync(repository, "{}"u8)),
            ["layers"] = new JsonArray(SignedImages.Describe(Spdx, bill)),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (subject, 2)),
        });
    }

    /// <summary>A manifest with a bill, as buildx has it: only an index tells what it is about.</summary>
    private async Task<string> PushBesideAsync(string repository)
    {
        var layer = SignedImages.Describe(
            "application/vnd.in-toto+json",
            await Artifacts.PushBlobAsync(repository, "{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"built\"}"u8));
        layer["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = "https://spdx.dev/Document" };
        return await Artifacts.PushManifestAsync(repository, null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.image.config.v1+json", await Artifacts.PushBlobAsync(repository, "{}"u8)),
            ["layers"] = new JsonArray(layer),
        });
    }

    private async Task MoveAsync(string from, string to)
    {
        using var answer = await Images.SendAsync(
            "POST", "/api/v1/repositories/moves",
            Encoding.UTF8.GetBytes($$"""{"from":"{{from}}","to":"{{to}}"}"""), "application/json", 200);
    }

    /// <summary>How many images were looked at.</summary>
    private ValueTask<long?> NotedAsync() => registry.Services.GetRequiredService<Database>().ReadAsync(
        session => session.NumberAsync("SELECT count(*) FROM sbom_attachment"), Stop);

    private async Task ScanAsync(string image)
    {
        var (repository, tag) = (image.Split(':')[0], image.Split(':')[1]);
        await Images.SeeAsync($"{tag}/packages?repository={repository}");
        await WriteAsync("UPDATE image_scan SET due_at = 0 WHERE state = 'waiting'");
        var scanning = registry.Services.GetRequiredService<ImageScanning>();
        await scanning.AddMissingAsync(Stop);
        while (await scanning.RunNextAsync(Stop))
        {
        }
    }

    private Task AttachAsync() => registry.Services.GetServices<Job>()
        .Single(job => job.Kind == AttachSbomsJob.Name).RunAsync("", Stop);

    private Task<int> WriteAsync(string sql) => registry.Services.GetRequiredService<Database>().WriteAsync(
        session => session.RunAsync(sql), isDurable: false, Stop);

    private async Task<List<JsonElement>> ReferrersAsync(string repository, string digest) =>
        [.. (await PullAsync($"/v2/{repository}/referrers/{digest}")).GetProperty("manifests").EnumerateArray()];

    private async Task<JsonElement> PullAsync(string path)
    {
        using var answer = await Images.SendAsync("GET", path, null, null, 200);
        return JsonDocument.Parse(Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(Stop))).RootElement;
    }
}
