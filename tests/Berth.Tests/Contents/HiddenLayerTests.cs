using Berth.Contents;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Contents;

/// <summary>Searches for files where most of what there is must not be seen.</summary>
[Inside]
public sealed class HiddenLayerTests : IAsyncLifetime
{
    /// <summary>More than a search passes over for one layer.</summary>
    private const int Many = 19_100;

    private static readonly byte[] Layer = new RawTar().File("usr/sbin/sshd", "elf").End();
    private static readonly RepositoryPlaces Places = new(null, [("team/", "team0")]);

    private RegistryFixture registry = null!;
    private ContentImages images = null!;
    private string hidden = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // Making very many rows takes a busy machine a while.
        registry = await AccountsOf.StartAsync(
            settings: s => s with { Database = s.Database with { QueryTimeout = TimeSpan.FromMinutes(2) } });
        images = new ContentImages(registry);
        hidden = await images.PushAsync(
            "team/secret", "1", """{"os":"linux","architecture":"arm64"}""",
            (new RawTar().File("other", "x").End(), ContentImages.LayerType));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_search_ends_in_time_between_layers_that_must_not_be_seen()
    {
        await AddRepositoriesAsync(3);
        for (var i = 1; i <= 4; i++) await AddLayerAsync($"sha256:0000{i}" + new string('7', 59));
        await ShowAsync("team/shown");

        // All in the first stretch; time is over whenever it is looked at.
        var search = new LayerSearch(
            registry.Services.GetRequiredService<Database>(),
            new ContentsSettings { SearchTime = TimeSpan.FromMilliseconds(1) },
            new HastyClock());
        var ends = new List<string>();
        for (var at = 0L; ends.Count < 4;)
        {
            var part = await search.RunAsync(Sought(at), Stop);
            Assert.Equal((0, 0, 0, false), (part.Found.Count, part.Searched, part.Unsearched, part.IsPartial));
            at = part.Next!.Value;
            ends.Add(LayerSearch.TextOf(at));
        }

        // The beginnings of cells tell no digests.
        Assert.Equal(["000020000000000", "000030000000000", "000040000000000", "001040000000000"], ends);
        var rest = await registry.Services.GetRequiredService<LayerSearch>().RunAsync(Sought(1L << 48), Stop);
        Assert.Equal((1, 1, null, false), (rest.Found.Count, rest.Searched, rest.Next, rest.IsPartial));
    }

    [Fact]
    public async Task Who_sees_a_layer_among_very_many_others_finds_it_or_is_told_that_it_may_be_missing()
    {
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", ImagePusher.Password), "*/shown", "pull");
        await AddRepositoriesAsync(Many);
        await AddLayerAsync(ContentImages.DigestOf(Layer));
        await ShowAsync("team/shown");

        // What they see is little, and looked up by name.
        var (found, next) = await new ContentImages(registry, "ann").FindFilesAsync("name=sshd");
        Assert.Equal("team/shown", found.GetProperty("items")[0].GetProperty("repositories")[0].Of("repository"));
        Assert.Equal(("True", null), (found.Of("isComplete"), next));

        var search = registry.Services.GetRequiredService<LayerSearch>();
        var isPartial = false;
        for (long? at = 0; at is not null;)
        {
            var some = await search.RunAsync(Sought(at.Value) with { IsPartial = isPartial }, Stop);
            Assert.Equal((0, 0), (some.Found.Count, some.Searched));
            (at, isPartial) = (some.Next, some.IsPartial);
        }

        Assert.True(isPartial);

        // The answers that follow know it.
        var (last, end) = await images.FindFilesAsync(
            "name=none&last=" + LayerSearch.TextOf(LayerSearch.End - 1, isPartial: true));
        Assert.Equal(("False", null), (last.Of("isComplete"), end));
        (last, end) = await images.FindFilesAsync("name=none&last=" + LayerSearch.TextOf(LayerSearch.End - 1));
        Assert.Equal(("True", null), (last.Of("isComplete"), end));
    }

    private static SoughtFiles Sought(long from) => new(
        FilePattern.TryParse("sshd", out _)!, Places, (name, _) => name == "team/shown", from, 100);

    private async Task ShowAsync(string repository)
    {
        await images.PushAsync(repository, "1", Layer);
        await images.SeeAsync($"1/files?repository={repository}");
    }

    /// <summary>Repositories that have the hidden image.</summary>
    private Task AddRepositoriesAsync(int count) => WriteAsync(async session =>
    {
        await session.RunAsync(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
            INSERT INTO repository (name, created_at, is_public, listed) SELECT 'team/hidden-' || i, 1, 0, 1 FROM n
            """,
            count);
        return await session.RunAsync(
            """
            INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type, pushed_at, pushed_by)
            SELECT r.id, m.digest, m.media_type, m.size_bytes, m.artifact_type, m.pushed_at, m.pushed_by
            FROM manifest m CROSS JOIN repository r WHERE m.digest = $1 AND r.name LIKE 'team/hidden-%'
            """,
            hidden);
    });

    /// <summary>The image there has this layer, too.</summary>
    private Task AddLayerAsync(string layer) => WriteAsync(async session =>
    {
        await session.RunAsync(
            """
            INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at)
            SELECT id, $1, 1, 1 FROM repository WHERE name LIKE 'team/hidden-%'
            """,
            layer);
        return await session.RunAsync(
            """
            INSERT INTO manifest_reference (repository_id, manifest_digest, target_digest, kind)
            SELECT id, $1, $2, 'Layer' FROM repository WHERE name LIKE 'team/hidden-%'
            """,
            hidden, layer);
    });

    private async Task WriteAsync(Func<Session, ValueTask<int>> write) =>
        await registry.Services.GetRequiredService<Database>().WriteAsync(write, isDurable: false, Stop);

    /// <summary>A second passes whenever it is asked.</summary>
    private sealed class HastyClock : TimeProvider
    {
        private long seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => seconds++;
    }
}
