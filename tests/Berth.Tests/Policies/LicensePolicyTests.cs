using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Policies;

/// <summary>Policies refuse images for the licences of the packages in them.</summary>
[Inside]
public sealed class LicensePolicyTests : IAsyncLifetime
{
    private const string System = "ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME=\"Alpine Linux v3.20\"\n";

    private static readonly byte[] Layer = RawTar.Gzip(new RawTar().File("etc/os-release", System)
        .File(
            "lib/apk/db/installed",
            """
            P:bash
            V:5.2-r0
            L:GPL-3.0-or-later

            P:musl
            V:1.2-r0
            L:MIT

            P:either
            V:1-r0
            L:GPL-2.0-only OR Apache-2.0

            P:compiler
            V:1-r0
            L:Apache-2.0 WITH LLVM-exception

            P:both
            V:1-r0
            L:MIT AND BSD-3-Clause


            """)
        .End());

    private static readonly byte[] Unknown = RawTar.Gzip(new RawTar().File("etc/os-release", System)
        .File("lib/apk/db/installed", "P:mute\nV:1-r0\n\nP:odd\nV:1-r0\nL:custom\n\nP:musl\nV:1\nL:MIT\n\n").End());

    /// <summary>SPDX knows no such exception.</summary>
    private static readonly byte[] Excepted = RawTar.Gzip(new RawTar().File("etc/os-release", System)
        .File("lib/apk/db/installed", "P:gcc\nV:1-r0\nL:GPLv3+ with exceptions and BSD\n\n").End());

    private static readonly byte[] Long = RawTar.Gzip(new RawTar().File("etc/os-release", System)
        .File(
            "lib/apk/db/installed",
            string.Concat(Enumerable.Range(0, 4_000).Select(i =>
                $"P:p{i}\nV:1\nL:MIT AND {string.Join(" AND ", Enumerable.Repeat($"LicenseRef-{i}", 10))}\n\n")))
        .End());

    private PolicyImages images = null!;

    public async ValueTask InitializeAsync() => images = await PolicyImages.StartAsync();

    public ValueTask DisposeAsync() => images.DisposeAsync();

    [Fact]
    public async Task A_licence_with_an_exception_that_nobody_knows_is_denied_with_it()
    {
        await images.PushAsync("team/app", Excepted);
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        Assert.Contains("gcc 1-r0 has GPL-3.0-or-later (denied)", await images.WhyNotAsync("team/app"));
    }

    [Fact]
    public async Task Licences_that_are_too_long_do_not_get_past_what_is_denied()
    {
        await images.PushAsync("team/app", Long);
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        Assert.Contains("its licences are too long", await images.WhyNotAsync("team/app"));
    }

    [Fact]
    public async Task An_image_with_a_package_under_a_licence_that_is_denied_is_not_pulled()
    {
        var digest = await images.PushAsync("team/app", Layer);
        var id = await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        Assert.Equal(
            $"team/app@{digest[..19]} may not be pulled by policy {id} (team/**): it has packages whose licences are "
            + "not allowed: bash 5.2-r0 has GPL-3.0-or-later (denied): do without them, or have the policy changed",
            await images.WhyNotAsync("team/app"));
        var said = await images.AskAsync("GET", $"/policies/{id}", null, 200);
        Assert.Equal("GPL-*", said.GetProperty("deniedLicenses")[0].GetString());
        Assert.Equal(0, said.GetProperty("allowedLicenses").GetArrayLength());
    }

    [Fact]
    public async Task The_licence_to_blame_is_named_of_each_package_and_the_others_are_counted()
    {
        await PushAsync("team/two", ("pam", "(MIT OR GPL-2.0-only) AND BSD-3-Clause AND GPL-1.0-only"),
            ("or", "GPL-2.0-only OR GPL-3.0-only"));
        string[] others = ["MIT", "ISC", "Zlib", "BSD-2-Clause", "BSD-3-Clause"];
        await PushAsync("team/many", [.. others.Select(one => ($"p-{one}", $"GPL-2.0-only AND {one}"))]);
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        var said = await images.WhyNotAsync("team/two");
        Assert.Contains("pam 1 has GPL-1.0-only (denied)", said);
        Assert.Contains("or 1 has GPL-2.0-only (denied) and GPL-3.0-only (denied)", said);
        Assert.Contains(
            "(denied) and at least 2 more packages: do without them", await images.WhyNotAsync("team/many"));

        Task PushAsync(string repository, params (string Name, string License)[] packages) => images.PushAsync(
            repository, RawTar.Gzip(new RawTar().File("etc/os-release", System).File(
                "lib/apk/db/installed",
                string.Concat(packages.Select(one => $"P:{one.Name}\nV:1\nL:{one.License}\n\n"))).End()));
    }

    [Fact]
    public async Task A_policy_denies_and_allows_what_it_names()
    {
        await images.PushAsync("team/app", Layer);
        foreach (var (rule, isRefused) in new[]
        {
            ("\"deniedLicenses\":[\"AGPL-*\",\"LGPL-*\"]", false),
            ("\"deniedLicenses\":[\"gpl-3.0+\"]", true),
            ("\"deniedLicenses\":[\"GPL-3.0-only\"]", false),
            ("\"deniedLicenses\":[\"GPL-2.0\"]", false),
            ("\"deniedLicenses\":[\"GPL-2.0\",\"Apache-2.0\"]", true),
            ("\"deniedLicenses\":[\"BSD-*\"]", true),
            ("\"allowedLicenses\":[\"MIT\",\"Apache-2.0\",\"BSD-*\"]", true),
            ("\"allowedLicenses\":[\"MIT\",\"Apache-2.0\",\"BSD-*\",\"GPL-3.0-or-later\"]", false),
            ("\"allowedLicenses\":[\"MIT\",\"Apache-2.0\",\"GPL-*\"]", true),
            ("\"allowedLicenses\":[\"*\"],\"deniedLicenses\":[\"GPL-3.0-or-later\"]", true),
        })
        {
            await images.SetAsync($$"""{"names":"team/**",{{rule}}}""");
            Assert.True(await images.WhyNotAsync("team/app") is { Length: > 0 } == isRefused, rule);
        }
    }

    [Fact]
    public async Task Licences_that_nobody_knows_are_refused_only_where_others_are_named()
    {
        await images.PushAsync("team/app", Unknown);
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        Assert.Equal("", await images.WhyNotAsync("team/app"));
        await images.SetAsync("""{"names":"team/**","allowedLicenses":["MIT"]}""");
        Assert.Contains(
            "mute 1-r0 has no known licence, odd 1-r0 has LicenseRef-custom (not allowed): do without",
            await images.WhyNotAsync("team/app"));
        await images.SetAsync("""{"names":"team/**","allowedLicenses":["MIT","LicenseRef-custom"]}""");
        Assert.Contains(
            "not allowed: mute 1-r0 has no known licence: do without", await images.WhyNotAsync("team/app"));
        await images.SetAsync(
            """{"names":"team/**","allowedLicenses":["MIT"],"allowsUnknownLicenses":true}""");
        Assert.Equal("", await images.WhyNotAsync("team/app"));
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["LicenseRef-cust*"]}""");
        Assert.Contains("odd 1-r0", await images.WhyNotAsync("team/app"));
    }

    [Fact]
    public async Task An_image_whose_licences_are_not_known_yet_has_its_time()
    {
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"],"scanGraceSeconds":3600}""");
        await images.Known.Images.PushAsync("team/app", "1", Layer);
        Assert.Equal("", await images.WhyNotAsync("team/app"));
        images.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Contains("its licences are not known yet", await images.WhyNotAsync("team/app"));
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"],"allowsUnscanned":true}""");
        Assert.Equal("", await images.WhyNotAsync("team/app"));
        await images.Known.CompareAsync("team/app:1");
        images.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains("bash 5.2-r0", await images.WhyNotAsync("team/app"));
    }

    [Fact]
    public async Task Where_packages_are_not_listed_their_licences_are_not_known()
    {
        await images.PushAsync("team/app", RawTar.Gzip(new RawTar().File("etc/os-release", System).End()));
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"]}""");
        Assert.Contains("list of its distribution's packages is missing", await images.WhyNotAsync("team/app"));
        await images.SetAsync("""{"names":"team/**","deniedLicenses":["GPL-*"],"allowsUnscanned":true}""");
        Assert.Equal("", await images.WhyNotAsync("team/app"));
    }

    [Theory]
    [InlineData("""{"names":"team/**","allowedLicenses":["Mine"]}""", "SPDX has no licence 'Mine'")]
    [InlineData("""{"names":"team/**","deniedLicenses":["GPL 3"]}""", "SPDX has no licence 'GPL 3'")]
    [InlineData("""{"names":"team/**","deniedLicenses":[""]}""", "deniedLicenses")]
    [InlineData("""{"names":"team/**","deniedLicenses":["MIT"],"allowsUnknownLicenses":true}""", "allowedLicenses")]
    public async Task A_policy_names_licences_as_SPDX_does(string policy, string fault) =>
        Assert.Contains(fault, (await images.AskAsync("POST", "/policies", policy, 400)).ToString());
}
