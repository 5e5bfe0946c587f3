using Berth.Tests.Lifecycle;

namespace Berth.Tests.Contents;

/// <summary>What is installed in images, as their package managers list it.</summary>
public sealed class ImagePackageTests(ContentRegistry opened) : IClassFixture<ContentRegistry>
{
    private readonly ContentImages images = new(opened.Registry);

    /// <summary>A repository for each test.</summary>
    private readonly string app = $"team/app-{Guid.NewGuid():N}";

    /// <summary>What a later layer replaced or took away is not installed.</summary>
    [Fact]
    public async Task Images_are_compared_by_their_packages()
    {
        const string Status = "var/lib/dpkg/status";
        const string One = "var/lib/dpkg/status.d/zlib1g";
        const string Apk = "lib/apk/db/installed";
        var lower = RawTar.Gzip(new RawTar().File(Status, Dpkg("libc6 2.36-9", "libssl3 3.0.14-1", "gone 1"))
            .File(One, Dpkg("zlib1g 1.2.13")).File(Apk, "P:musl\nV:1.2.4-r2\n\nP:busybox\nV:1.36.1-r5\n").End());
        var upper = RawTar.Gzip(new RawTar().File(Status, Dpkg("libc6 2.36-9", "libssl3 3.0.15-1", "new 2"))
            .File("lib/apk/.wh.db", "").File("var/lib/dpkg/status.d/.wh.zlib1g", "").End());
        await images.PushAsync(app, "1", lower);
        await images.PushAsync(app, "2", lower, upper);
        await images.PushAsync(app, "3", upper);
        var seen = await images.SeeAsync($"1/differences?repository={app}&with=2");
        Assert.Equal(
            [
                "apk busybox [\"1.36.1-r5\"] []", "apk musl [\"1.2.4-r2\"] []", "deb gone [\"1\"] []",
                "deb libssl3 [\"3.0.14-1\"] [\"3.0.15-1\"]", "deb new [] [\"2\"]", "deb zlib1g [\"1.2.13\"] []",
            ],
            seen.GetProperty("packages").EnumerateArray()
                .Select(one => $"{one.Of("type")} {one.Of("name")} {one.Of("from")} {one.Of("to")}"));
        Assert.Empty((await images.SeeAsync($"2/differences?repository={app}&with=3"))
            .GetProperty("packages").EnumerateArray());

        static string Dpkg(params string[] packages) => string.Concat(packages.Select(one =>
            $"Package: {one.Split(' ')[0]}\nStatus: install ok installed\nVersion: {one.Split(' ')[1]}\n\n"));
    }

    /// <summary>However much is in it, and whatever it says.</summary>
    [Fact]
    public async Task Lists_of_packages_are_read_within_bounds()
    {
        const string Status = "var/lib/dpkg/status";
        var many = string.Concat(Enumerable.Range(0, 2000).Select(i => $"Package: p{i:D5}\nVersion: 1\n\n"));
        await images.PushAsync(app, "1", Layer(many));
        await images.PushAsync(app, "2", Layer("Package: a\nVersion: 1\n\nX: " + new string('x', 32 << 20)));
        var seen = await images.SeeAsync($"1/differences?repository={app}&with=2");
        Assert.Equal((1000, "1000"), (seen.GetProperty("packages").GetArrayLength(), seen.Of("morePackages")));
        Assert.DoesNotContain("\"a\"", seen.Of("packages"));
        Assert.Equal("[\"/var/lib/dpkg/status: it has more than 33554432 bytes\"]", seen.Of("packageFaults"));
        Assert.Equal("", (await images.AskAsync($"1/differences?repository={app}&with=2&last=a")).Of("packages"));

        static byte[] Layer(string status) => RawTar.Gzip(new RawTar().File(Status, status).End());
    }

    /// <summary>As many as fit a file, and as many files as fit a layer: what is kept of them has a limit.</summary>
    [Fact]
    public async Task A_layer_that_lists_too_much_says_so()
    {
        var tar = new RawTar();
        for (var file = 0; file < 6; file++)
        {
            tar = tar.File($"var/lib/dpkg/status.d/{file}", string.Concat(Enumerable.Range(0, 12_000).Select(i =>
                $"Package: p{file}-{i}\nVersion: {new string('1', 120)}\n\n")));
        }

        var versions = string.Concat(Enumerable.Range(0, 1000).Select(i => $"Package: one\nVersion: {i:D4}\n\n"));
        await images.PushAsync(app, "1", RawTar.Gzip(tar.End()));
        await images.PushAsync(app, "2", RawTar.Gzip(new RawTar().File("var/lib/dpkg/status", versions).End()));
        var seen = await images.SeeAsync($"2/differences?repository={app}&with=1");
        Assert.Contains("the layer lists too many packages", seen.Of("packageFaults"));
        var one = seen.GetProperty("packages")[0];
        Assert.Equal(
            ("one", 10, "[]"), (one.Of("name"), one.GetProperty("from").GetArrayLength(), one.Of("to")));
    }
}
