using System.Text;
using Berth.Settings;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>Statements about vulnerabilities in products are read in their formats, and found for what is in images.
/// </summary>
public sealed class VexTests : IDisposable
{
    private const string Image = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Curl = "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12";

    private readonly string folder = Directory.CreateTempSubdirectory("berth-vex-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task OpenVEX_of_the_operators_files_is_found_by_any_name_of_the_vulnerability()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "vex.json"), $$"""
            {"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex/1","author":"Example",
             "timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[
              {"vulnerability":{"name":"CVE-2024-1","aliases":["GHSA-1"]},"status":"not_affected",
               "justification":"vulnerable_code_not_present","impact_statement":"It is not built in.",
               "products":[{"@id":"pkg:oci/app@{{Image}}",
                 "subcomponents":[{"@id":"pkg:deb/debian/curl@7.88.1-10"}]}]},
              {"vulnerability":"CVE-2024-2","status":"affected","action_statement":"Update.",
               "products":["pkg:npm/left"]},
              {"vulnerability":{"name":"CVE-2024-3"},"status":"unheard of","products":["pkg:npm/left"]}]}
            """, TestContext.Current.CancellationToken);
        using var data = new VulnerabilityData(
            new VulnerabilitySettings { Sources = [Path.Combine(folder, "vex.json")] }, Path.Combine(folder, "node"),
            TimeProvider.System);
        var update = await data.UpdateAsync([], TestContext.Current.CancellationToken);
        Assert.Equal((2L, null), (update.Sources[0].Records, update.Sources[0].Fault));
        using var file = data.Open()!;
        var statement = Assert.Single(file.VexOf("GHSA-1"));
        Assert.Equivalent(statement, Assert.Single(file.VexOf("CVE-2024-1")), strict: true);
        Assert.Equal(
            ("CVE-2024-1", VexStatus.NotAffected, "vulnerable_code_not_present", "It is not built in.", "Example"),
            (statement.Vulnerability, statement.Status, statement.Justification, statement.Impact, statement.Author));
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), statement.Timestamp);
        Assert.Equal("https://example.com/vex/1", statement.Document);
        Assert.True(VexMatch.Applies(statement, new VexSubject(Curl, [Image], [])));
        Assert.False(VexMatch.Applies(statement, new VexSubject(Curl, ["sha256:b"], [])));
        Assert.False(VexMatch.Applies(statement, new VexSubject(Curl.Replace("-10", "-11"), [Image], [])));
        Assert.Equal("Update.", Assert.Single(file.VexOf("CVE-2024-2")).Action);
        Assert.Empty(file.VexOf("CVE-2024-3"));
    }

    [Theory]
    [InlineData("pkg:deb/debian/curl@7.88.1-10", true)]
    [InlineData("pkg:deb/debian/curl", true)]
    [InlineData("pkg:deb/curl", true)]
    [InlineData("pkg:deb/debian/curl?arch=amd64", true)]
    [InlineData("pkg:deb/debian/curl?arch=arm64", false)]
    [InlineData("pkg:deb/debian/curl?distro=debian-11", false)]
    [InlineData("pkg:deb/debian/curl@7.88.1-11", false)]
    [InlineData("pkg:deb/ubuntu/curl", false)]
    [InlineData("pkg:deb/debian/libcurl4", false)]
    [InlineData("pkg:rpm/debian/curl", false)]
    [InlineData("pkg:oci/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true)]
    [InlineData("pkg:oci/app@sha256%3Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true)]
    [InlineData("pkg:oci/app@sha256:b", false)]
    [InlineData("pkg:oci/app?repository_url=registry.example.com/team/app", true)]
    [InlineData("pkg:oci/app@1.0?repository_url=registry.example.com/team/app", false)]
    [InlineData("pkg:oci/app?repository_url=registry.example.com/team/other", false)]
    [InlineData("pkg:oci/app", false)]
    [InlineData("curl", false)]
    [InlineData("pkg:", false)]
    public void A_product_names_a_package_or_an_image(string product, bool applies)
    {
        var statement = new VexStatement("CVE-2024-1", VexStatus.Fixed)
        {
            Products = [new VexProduct(new VexComponent([product], []), [])],
        };
        var subject = new VexSubject(Curl, [Image], ["registry.example.com/team/app"]);
        Assert.Equal(applies, VexMatch.Applies(statement, subject));
    }

    [Theory]
    [InlineData("pkg:npm/core", "pkg:npm/%40angular/core@1.0", false)]
    [InlineData("pkg:npm/@angular/core@1.0", "pkg:npm/%40angular/core@1.0", true)]
    [InlineData("pkg:pypi/Zope.Interface", "pkg:pypi/zope-interface@5", true)]
    [InlineData("pkg:golang/golang.org/x/net@v0.1.0", "pkg:golang/golang.org/x/net@v0.1.0", true)]
    [InlineData("pkg:rpm/redhat/curl@7-1?epoch=1", "pkg:rpm/redhat/curl@7-1?epoch=1", true)]
    [InlineData("pkg:rpm/redhat/curl@1:7-1", "pkg:rpm/redhat/curl@7-1?epoch=1", true)]
    [InlineData("pkg:rpm/redhat/curl@0:7-1", "pkg:rpm/redhat/curl@7-1", true)]
    [InlineData("pkg:rpm/redhat/curl@7-1?epoch=2", "pkg:rpm/redhat/curl@7-1?epoch=1", false)]
    public void Names_are_compared_as_their_types_have_it(string name, string package, bool isSame) =>
        Assert.Equal(isSame, PurlName.Parse(name)!.Includes(PurlName.Parse(package)!));

    [Fact]
    public void What_was_said_last_counts()
    {
        var subject = new VexSubject(Curl, [], []);
        VexStatement[] statements =
            [Said(VexStatus.Fixed, 3), Said(VexStatus.Affected, 2), Said(VexStatus.Affected, null)];
        Assert.Equal(VexStatus.Fixed, VexMatch.Find(statements, subject)!.Status);
        Assert.Equal(
            VexStatus.NotAffected, VexMatch.Find([.. statements, Said(VexStatus.NotAffected, 3)], subject)!.Status);
        Assert.Null(VexMatch.Find(statements, subject with { Package = "pkg:npm/left@1" }));

        static VexStatement Said(VexStatus status, int? day) => new("CVE-2024-1", status)
        {
            Products = [new VexProduct(new VexComponent(["pkg:deb/debian/curl"], []), [])],
            Timestamp = day is { } number ? DateTimeOffset.UnixEpoch.AddDays(number) : null,
        };
    }

    [Fact]
    public void A_statement_of_in_toto_is_about_its_subject_unless_it_names_products()
    {
        var statements = Read($$$"""
            {"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns/v0.2.0",
             "subject":[{"name":"app","digest":{"sha256":"{{{Image[7..]}}}"}}],
             "predicate":{"@context":"https://openvex.dev/ns/v0.2.0","statements":[
               {"vulnerability":{"name":"CVE-2024-1"},"status":"fixed"},
               {"vulnerability":{"name":"CVE-2024-2"},"status":"fixed","products":[{"@id":"pkg:npm/left"}]}]}}
            """);
        Assert.Equal([Image], statements[0].Products.Single().Product.Digests);
        Assert.True(VexMatch.Applies(statements[0], new VexSubject(Curl, [Image], [])));
        Assert.False(VexMatch.Applies(statements[1], new VexSubject(Curl, [Image], [])));
    }

    [Fact]
    public void CSAF_is_resolved_to_packages_and_to_parts_of_images()
    {
        var statements = Read($$$$"""
            {"document":{"category":"csaf_vex","publisher":{"name":"Example"},
              "tracking":{"id":"EX-1","current_release_date":"2026-01-01T00:00:00Z"}},
             "product_tree":{"branches":[{"category":"vendor","name":"Example","branches":[
               {"category":"product_name","name":"Linux","product":{"product_id":"os","name":"Linux 9",
                 "product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}},
               {"category":"product_name","name":"App","product":{"product_id":"app","name":"App",
                 "product_identification_helper":{"purl":"pkg:oci/app@{{{{Image}}}}"}}},
               {"category":"product_version","name":"curl","product":{"product_id":"curl-7","name":"curl",
                 "product_identification_helper":{"purl":"pkg:rpm/redhat/curl@7-1.el9?arch=x86_64"}}},
               {"category":"product_version","name":"curl","product":{"product_id":"curl","name":"curl",
                 "product_identification_helper":{"purl":"pkg:rpm/redhat/curl"}}}]}],
              "relationships":[
               {"category":"default_component_of","product_reference":"curl-7","relates_to_product_reference":"os",
                "full_product_name":{"product_id":"os:curl-7","name":"curl"}},
               {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"os",
                "full_product_name":{"product_id":"os:curl","name":"curl"}},
               {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"app",
                "full_product_name":{"product_id":"app:curl","name":"curl"}}]},
             "vulnerabilities":[{"cve":"CVE-2024-1","ids":[{"text":"EX-2"}],
               "product_status":{"fixed":["os:curl-7"],"known_not_affected":["app:curl","os:curl","unknown"]},
               "flags":[{"label":"component_not_present","product_ids":["app:curl"]}],
               "threats":[{"category":"impact","details":"Important","product_ids":["os:curl-7"]}],
               "remediations":[{"category":"vendor_fix","details":"Update it.","product_ids":["os:curl-7"]}]}]}
            """);
        Assert.Equal(2, statements.Length);
        var (fix, not) = (statements[0], statements[1]);
        Assert.Equal((VexStatus.Fixed, "Update it.", "Important"), (fix.Status, fix.Action, fix.Impact));
        Assert.Equal(("Example", "EX-1"), (fix.Author, fix.Document));
        Assert.Equal(["EX-2"], fix.Aliases);
        Assert.Equal((VexStatus.NotAffected, "component_not_present"), (not.Status, not.Justification));
        var curl = "pkg:rpm/redhat/curl@7-1.el9?arch=x86_64&distro=rhel-9.4";
        Assert.True(VexMatch.Applies(fix, new VexSubject(curl, [], [])));
        Assert.False(VexMatch.Applies(fix, new VexSubject(curl.Replace("el9", "el8"), [], [])));
        // Of the distribution without a version: that may be any release.
        Assert.False(VexMatch.Applies(not, new VexSubject(curl, [], [])));
        Assert.True(VexMatch.Applies(not, new VexSubject(curl, [Image], [])));
    }

    [Theory]
    [InlineData("""{"@context":"https://openvex.dev/ns"}""")]
    [InlineData("""{"@context":"https://openvex.dev/ns","statements":[1,{},{"vulnerability":1,"status":"fixed"}]}""")]
    [InlineData("""{"predicateType":"https://openvex.dev/ns","subject":{},"predicate":[]}""")]
    [InlineData("""{"document":{"category":"csaf_vex"},"product_tree":[],"vulnerabilities":[{"cve":"C"}]}""")]
    [InlineData("""{"document":{"category":"csaf_vex"},"vulnerabilities":[{"cve":"C","product_status":[1]}]}""")]
    public void What_is_not_understood_says_nothing(string json) => Assert.Empty(Read(json));

    private static VexStatement[] Read(string text)
    {
        using var json = JsonData.Parse(Encoding.UTF8.GetBytes(text));
        return [.. VexReader.Read(JsonData.KindOf(json.RootElement), json.RootElement)];
    }
}
