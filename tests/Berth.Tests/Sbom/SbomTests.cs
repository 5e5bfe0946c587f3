using System.Text.Json;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Sbom;

/// <summary>Bills of materials of images, as the registry makes them from their layers.</summary>
public sealed class SbomTests(ContentRegistry opened) : IClassFixture<ContentRegistry>
{
    private const string Status = "Package: curl\nArchitecture: amd64\nVersion: 7.88.1-10\n\n"
        + "Package: libc6\nSource: glibc (2.36)\nArchitecture: amd64\nVersion: 2.36-9\n\n";

    private readonly ContentImages images = new(opened.Registry);

    /// <summary>A repository for each test.</summary>
    private readonly string app = $"team/app-{Guid.NewGuid():N}";

    /// <summary>What a later layer replaced or removed is not there, and what the distribution brought says so.
    /// </summary>
    [Fact]
    public async Task Packages_are_listed_with_where_they_come_from()
    {
        var (lower, upper) = Layers();
        await images.PushAsync(app, "1", lower, upper);
        var seen = await images.SeeAsync($"1/packages?repository={app}");
        Assert.Equal(
            [
                "deb curl 7.88.1-10  /var/lib/dpkg/status False",
                "deb libc6 2.36-9 GPL-2+ /var/lib/dpkg/status False",
                "npm kept 2.0.0 MIT /app/node_modules/kept/package.json False",
                "pypi six 1.16.0  /usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA True",
            ],
            seen.GetProperty("items").EnumerateArray().Select(one =>
                $"{one.Of("type")} {one.Of("name")} {one.Of("version")} {one.Of("license")} {one.Of("path")} "
                + one.Of("isOwned")));
        Assert.Equal("{\"id\":\"debian\",\"versionId\":\"12\",\"name\":\"Debian 12\"}", seen.Of("system"));
        Assert.Equal(("4", "[]", "True"), (seen.Of("count"), seen.Of("faults"), seen.Of("isComplete")));
        var kept = seen.GetProperty("items")[2];
        Assert.Equal(
            (ContentImages.DigestOf(upper), "pkg:npm/kept@2.0.0"), (kept.Of("layer"), kept.Of("url")));
    }

    [Fact]
    public async Task Packages_are_filtered_and_paged()
    {
        var (lower, upper) = Layers();
        await images.PushAsync(app, "1", lower, upper);
        await images.SeeAsync($"1/packages?repository={app}");
        Assert.Equal("curl", Names(await images.AskAsync($"1/packages?repository={app}&n=1")));
        var first = (await images.AskAsync($"1/packages?repository={app}&n=2")).GetProperty("items")[1].Of("id");
        Assert.Equal("kept six", Names(await images.AskAsync($"1/packages?repository={app}&n=2&last={first}")));
        Assert.Equal("kept", Names(await images.AskAsync($"1/packages?repository={app}&type=npm")));
        Assert.Equal("libc6", Names(await images.AskAsync($"1/packages?repository={app}&q=LIBC")));
        Assert.Equal("", Names(await images.AskAsync($"1/packages?repository={app}&q=nothing")));
        Assert.Contains(
            "last is no package", (await images.AskAsync($"1/packages?repository={app}&last=x", 400)).Of("detail"));
        Assert.Contains("q must", (await images.AskAsync(
            $"1/packages?repository={app}&q={new string('x', 256)}", 400)).Of("detail"));

        static string Names(JsonElement seen) => string.Join(
            ' ', seen.GetProperty("items").EnumerateArray().Select(one => one.Of("name")));
    }

    [Fact]
    public async Task SPDX_names_the_image_and_all_its_packages()
    {
        var (lower, upper) = Layers();
        var digest = await images.PushAsync(app, "1", lower, upper);
        await images.SeeAsync($"1/packages?repository={app}");
        var bill = await GetAsync("spdx-json", "application/spdx+json");
        Assert.Equal(
            ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"),
            (bill.Of("spdxVersion"), bill.Of("dataLicense"), bill.Of("SPDXID")));
        Assert.StartsWith("http://127.0.0.1:", bill.Of("documentNamespace"));
        Assert.Matches("^Tool: berth-", bill.GetProperty("creationInfo").GetProperty("creators")[0].GetString());
        var packages = bill.GetProperty("packages").EnumerateArray().ToList();
        Assert.Equal(["curl", "libc6", "kept", "six"], packages.Skip(1).Select(one => one.Of("name")));
        Assert.Contains($"@{digest}", packages[0].GetProperty("externalRefs")[0].Of("referenceLocator"));
        Assert.Equal("GPL-2.0-or-later", packages[2].Of("licenseDeclared"));
        Assert.Equal(
            "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc%402.36",
            packages[2].GetProperty("externalRefs")[0].Of("referenceLocator"));

        // What is named is there, once each.
        var ids = packages.Select(one => one.Of("SPDXID")).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        var relations = bill.GetProperty("relationships").EnumerateArray().ToList();
        Assert.Equal(
            ids.Skip(1).Prepend("SPDXRef-Image"), relations.Select(one => one.Of("relatedSpdxElement")));
        Assert.Equal(
            ["DESCRIBES", "CONTAINS"], relations.Select(one => one.Of("relationshipType")).Distinct());
    }

    [Fact]
    public async Task CycloneDX_names_the_image_and_all_its_packages()
    {
        var (lower, upper) = Layers();
        await images.PushAsync(app, "1", lower, upper);
        await images.SeeAsync($"1/packages?repository={app}");
        var bill = await GetAsync("cyclonedx-json", "application/vnd.cyclonedx+json");
        Assert.Equal(("CycloneDX", "1.6"), (bill.Of("bomFormat"), bill.Of("specVersion")));
        Assert.Matches("^urn:uuid:[0-9a-f-]{36}$", bill.Of("serialNumber"));
        var components = bill.GetProperty("components").EnumerateArray().ToList();
        Assert.Equal(["debian", "curl", "libc6", "kept", "six"], components.Select(one => one.Of("name")));
        Assert.Equal("operating-system", components[0].Of("type"));
        Assert.Equal("[{\"license\":{\"id\":\"MIT\"}}]", Compact(components[3].GetProperty("licenses")));
        Assert.False(bill.TryGetProperty("compositions", out _));
        var references = components.Select(one => one.Of("bom-ref")).ToList();
        Assert.Equal(references.Count, references.Distinct().Count());
    }

    [Fact]
    public async Task A_bill_says_what_may_be_missing()
    {
        var bad = "var/lib/dpkg/status.d/huge";
        await images.PushAsync(app, "1", RawTar.Gzip(new RawTar().File(bad, new string('x', (32 << 20) + 1)).End()));
        await images.SeeAsync($"1/packages?repository={app}");
        Assert.Equal(
            "Packages may be missing: /var/lib/dpkg/status.d/huge: it has more than 33554432 bytes",
            (await GetAsync("spdx-json", "application/spdx+json")).Of("comment"));
        var other = await GetAsync("cyclonedx-json", "application/vnd.cyclonedx+json");
        Assert.Equal("incomplete", other.GetProperty("compositions")[0].Of("aggregate"));
    }

    [Fact]
    public async Task A_bill_that_can_not_be_made_says_why()
    {
        await images.PushAsync(app, "1", RawTar.Gzip(new RawTar().File("a", "b").End()));
        Assert.Contains(
            "format must be spdx-json or cyclonedx-json",
            (await images.AskAsync($"1/sbom?repository={app}&format=table", 400)).Of("detail"));
        await images.AskAsync($"2/sbom?repository={app}", 404);
        Assert.Contains("platform", (await images.AskAsync($"1/sbom?repository={app}&platform=x", 400)).Of("detail"));
        await images.SeeAsync($"1/packages?repository={app}");
        Assert.Single((await GetAsync("spdx-json", "application/spdx+json")).GetProperty("packages").EnumerateArray());
    }

    private async Task<JsonElement> GetAsync(string format, string type)
    {
        using var answer = await images.SendAsync(
            "GET", $"/api/v1/images/1/sbom?repository={app}&format={format}", null, null, 200);
        Assert.Equal(type, answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition!.DispositionType);
        return JsonDocument.Parse(
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement;
    }

    private static string Compact(JsonElement json) => JsonSerializer.Serialize(json);

    private static (byte[] Lower, byte[] Upper) Layers() => (
        RawTar.Gzip(new RawTar().File("var/lib/dpkg/status", Status)
            .File("usr/share/doc/libc6/copyright", "License: GPL-2+\n")
            .File("usr/lib/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
            .File("usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n")
            .File(
                "var/lib/dpkg/info/python3-six.list",
                "/usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA\n")
            .File("app/node_modules/gone/package.json", """{"name":"gone","version":"1.0.0"}""")
            .File("app/node_modules/kept/package.json", """{"name":"kept","version":"1.0.0"}""").End()),
        RawTar.Gzip(new RawTar().File("app/node_modules/.wh.gone", "")
            .File("app/node_modules/kept/package.json", """{"name":"kept","version":"2.0.0","license":"MIT"}""")
            .End()));
}
