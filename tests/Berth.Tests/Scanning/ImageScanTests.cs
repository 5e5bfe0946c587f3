using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Scanning;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Scanning;

/// <summary>What is installed in images is noted once their layers were read.</summary>
[Inside]
public sealed class ImageScanTests : IAsyncLifetime
{
    private static readonly byte[] Base = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl\nVersion: 3\n\nPackage: gone\nVersion: 1\n")
        .End());

    private static readonly byte[] Upper = RawTar.Gzip(new RawTar()
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl\nVersion: 3\n")
        .File("app/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0"}""").End());

    private RegistryFixture registry = null!;
    private ContentImages images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        images = new ContentImages(registry);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task An_image_has_the_packages_that_are_visible_in_it()
    {
        var one = await images.PushAsync("team/app", "1", Base, Upper);
        var two = await images.PushAsync("team/other", "1", Base);
        await ScanAsync("team/app", "team/other");
        Assert.Equal(
            ["deb libssl3 3 openssl in 1", "npm left-pad 1.3.0 left-pad in 1"], await PackagesOfAsync(one));
        Assert.Equal(["deb gone 1 gone in 0", "deb libssl3 3 openssl in 0"], await PackagesOfAsync(two));

        // What two images have is there once.
        Assert.Equal(3, await NumberAsync("SELECT count(*) FROM package"));
        Assert.Equal(2, await NumberAsync("SELECT count(*) FROM image_scan WHERE distribution = 'Debian 12'"));
    }

    [Fact]
    public async Task An_image_waits_for_its_layers_and_keeps_no_other_from_being_read()
    {
        var waiting = await images.PushAsync("team/app", "1", Base);
        await WriteAsync(session => session.RunAsync(
            "UPDATE layer_index SET state = 'waiting', is_wanted = 0, added_at = 1 WHERE digest = $1",
            ContentImages.DigestOf(Base)));
        var ready = await images.PushAsync("team/other", "1", Upper);
        await ScanAsync("team/other");
        var row = await FindAsync(waiting);
        Assert.Equal((ScanStates.Waiting, 0), (row!.State, row.Attempts));
        Assert.InRange(row.Looks, 1, 16);
        Assert.Equal(ScanStates.Read, (await FindAsync(ready))!.State);
    }

    [Fact]
    public async Task An_image_whose_layer_can_not_be_read_has_what_the_others_have()
    {
        var digest = await images.PushAsync("team/app", "1", Base, [1, 2, 3]);
        await ScanAsync("team/app");
        Assert.Equal(2, (await PackagesOfAsync(digest)).Count);
        Assert.Equal(0, await NumberAsync("SELECT is_complete FROM image_scan"));
    }

    [Fact]
    public async Task An_image_that_kills_its_reader_is_given_up()
    {
        var digest = await images.PushAsync("team/app", "1", Base);
        await WriteAsync(session => session.RunAsync(
            "UPDATE image_scan SET attempts = 3, state = 'waiting', due_at = 0"));
        var scanning = registry.Services.GetRequiredService<ImageScanning>();
        while (await scanning.RunNextAsync(Stop))
        {
        }

        Assert.Equal(ScanStates.Fault, (await FindAsync(digest))!.State);
    }

    [Fact]
    public async Task What_an_earlier_version_read_is_read_again()
    {
        var digest = await images.PushAsync("team/app", "1", Base);
        await ScanAsync("team/app");
        await WriteAsync(async session =>
        {
            await session.RunAsync("UPDATE image_scan SET form = 1");
            await session.RunAsync("DELETE FROM image_package");
            return await session.RunAsync("UPDATE layer_index SET packages = NULL, packages_form = 1, attempts = 0");
        });

        // Meanwhile the files are shown, and the packages wait.
        Assert.Equal("indexed", (await images.AskAsync("1/files?repository=team/app")).GetProperty("layers")[0]
            .GetProperty("state").GetString());
        var job = registry.Services.GetServices<Job>().Single(job => job.Kind == "index-layers");
        await job.RunAsync("", Stop);
        await images.SeeAsync("1/packages?repository=team/app");
        await ScanAsync("team/app");
        Assert.Equal(2, (await PackagesOfAsync(digest)).Count);
        Assert.Equal(PackageList.Form, await NumberAsync("SELECT form FROM image_scan"));
    }

    /// <summary>The table is not in backups, and images came before it.</summary>
    [Fact]
    public async Task Images_that_nobody_noted_are_found()
    {
        var digest = await images.PushAsync("team/app", "1", Base);
        await images.SeeAsync("1/packages?repository=team/app");
        await WriteAsync(session => session.RunAsync("DELETE FROM image_scan"));
        await ScanAsync("team/app");

        // The registry's own job may have taken it.
        await Eventually.TrueAsync(async () => (await PackagesOfAsync(digest)).Count == 2);
    }

    /// <summary>One such image must not keep the others from being read.</summary>
    [Fact]
    public async Task Names_that_no_database_takes_are_left_out()
    {
        var digest = await images.PushAsync("team/app", "1", RawTar.Gzip(new RawTar()
            .File("node_modules/a/package.json", """{"name":"a\u0000b","version":"1"}""")
            .File("node_modules/b/package.json", """{"\ud800":1,"name":"b","version":"1"}""")
            .File("node_modules/c/package.json", $$"""{"name":"{{new string('\u4e2d', 256)}}","version":"1"}""")
            .File("node_modules/d/package.json", """{"name":"d","version":"1"}""").End()));
        await ScanAsync("team/app");
        Assert.Contains("npm d 1 d in 0", await PackagesOfAsync(digest));
    }

    [Fact]
    public async Task An_image_that_is_deleted_is_forgotten()
    {
        var digest = await images.PushAsync("team/app", "1", Base);
        await ScanAsync("team/app");
        using var gone = await images.SendAsync("DELETE", $"/v2/team/app/manifests/{digest}", null, null, 202);
        await Eventually.TrueAsync(async () =>
        {
            await WriteAsync(session => session.RunAsync("UPDATE trash SET purge_at = 0"));
            foreach (var job in registry.Services.GetServices<Job>().Where(one => one.Kind == "purge-trash"))
                await job.RunAsync("", Stop);
            return await FindAsync(digest) is null;
        });
        Assert.Equal(0, await NumberAsync("SELECT count(*) FROM image_package"));
    }

    private async Task ScanAsync(params string[] repositories)
    {
        foreach (var repository in repositories) await images.SeeAsync($"1/packages?repository={repository}");
        await WriteAsync(session => session.RunAsync("UPDATE image_scan SET due_at = 0 WHERE state = 'waiting'"));
        var scanning = registry.Services.GetRequiredService<ImageScanning>();
        await scanning.AddMissingAsync(Stop);
        while (await scanning.RunNextAsync(Stop))
        {
        }
    }

    private Task<List<string>> PackagesOfAsync(string digest) => Database.ReadAsync(
        session => session.AllAsync(
            """
            SELECT p.type, p.name, p.version, p.source, i.layer FROM image_scan s
            JOIN image_package i ON i.image_id = s.id JOIN package p ON p.id = i.package_id
            WHERE s.digest = $1 AND s.state = 'read' ORDER BY p.type, p.name
            """,
            row => $"{row.GetString(0)} {row.GetString(1)} {row.GetString(2)} {row.GetString(3)} in {row.GetInt64(4)}",
            digest),
        Stop).AsTask();

    private async Task<ImageScanRow?> FindAsync(string digest) => await Database.ReadAsync(
        session => ImageScanTable.FindAsync(session, Digest.Parse(digest)), Stop);

    private async Task<long?> NumberAsync(string sql) =>
        await Database.ReadAsync(session => session.NumberAsync(sql), Stop);

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change) =>
        Database.WriteAsync(change, isDurable: false, Stop);

    private Database Database => registry.Services.GetRequiredService<Database>();
}
