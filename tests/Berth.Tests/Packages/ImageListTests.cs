using Berth.Packages;

namespace Berth.Tests.Packages;

/// <summary>Lists of packages that images have in place of a package manager's database.</summary>
public sealed class ImageListTests
{
    private const string Chisel = "var/lib/chisel/manifest.wall";
    private const string Manifest = "var/lib/rpmmanifest/container-manifest-2";

    private const string Curl = """{"kind":"package","name":"curl","version":"7.81.0-1","sha256":"a","arch":"amd64"}""";

    [Fact]
    public void A_list_of_Chisel_has_packages_and_their_files()
    {
        var found = PackageReading.Read(Chisel, ChiselLists.Pack(
            """{"kind":"content","slice":"curl_bins","path":"/usr/bin/curl"}""", Curl,
            """{"kind":"package","name":"","version":"1"}""",
            """{"kind":"path","path":"/usr/bin/curl","mode":"0755","slices":["curl_bins"]}""",
            """{"kind":"slice","name":"curl_bins"}"""))!;
        Assert.Null(found.Fault);
        var package = Assert.Single(found.Packages);
        Assert.Equal(
            new Package("deb", "curl", "7.81.0-1") { Architecture = "amd64", LacksSource = true }, package);
        Assert.Equal(["usr/bin/curl"], found.Owned);
    }

    [Fact]
    public void A_list_of_Chisel_that_is_cut_off_or_none_is_not_all()
    {
        var cut = PackageReading.Read(
            Chisel, ChiselLists.PackText("{\"jsonwall\":\"1.0\",\"schema\":\"1.0\",\"count\":5}\n" + Curl + "\n"))!;
        Assert.Equal(("it is not whole", 1), (cut.Fault, cut.Packages.Count));
        const string None = "it is no list of Chisel, or damaged";
        Assert.Equal(None, PackageReading.Read(Chisel, Curl)!.Fault);
        Assert.Equal(None, PackageReading.Read(Chisel, ChiselLists.PackText(Curl))!.Fault);
        Assert.Equal(None, PackageReading.Read(Chisel, ChiselLists.PackText("[]"))!.Fault);
        Assert.Equal(
            None, PackageReading.Read(Chisel, ChiselLists.PackText("{\"jsonwall\":\"1.0\",\"count\":2}\n{\"kind\":"))!
                .Fault);
        var whole = ChiselLists.Pack(Curl);
        Assert.NotNull(PackageReading.Read(Chisel, whole[..(whole.Length / 2)])!.Fault);
        var large = PackageReading.Read(Chisel, ChiselLists.PackText(new string('\n', 40 << 20)))!;
        Assert.Contains("when decompressed", large.Fault);
    }

    [Fact]
    public void A_manifest_of_rpm_has_a_package_in_each_line()
    {
        var found = PackageReading.Read(
            Manifest,
            "openssl-libs\t1.1.1k-30.cm2\t1700000000\t1690000000\tMicrosoft Corporation\t(none)\t100\tx86_64\t2\t"
            + "openssl-1.1.1k-30.cm2.src.rpm\n"
            + "tzdata\t2024a-1.cm2\t1700000000\t1690000000\t(none)\t(none)\t100\tnoarch\t0\t"
            + "tzdata-2024a-1.cm2.src.rpm\n")!;
        Assert.Null(found.Fault);
        Assert.Equal(
            [
                new Package("rpm", "openssl-libs", "2:1.1.1k-30.cm2")
                {
                    Architecture = "x86_64",
                    Source = "openssl",
                    Vendor = "Microsoft Corporation",
                },
                new Package("rpm", "tzdata", "2024a-1.cm2") { Architecture = "noarch" },
            ],
            found.Packages);
    }

    [Theory]
    [InlineData("openssl\t1-1")]
    [InlineData("openssl\t1\ta\tb\tc\td\te\tf\tg\th")]
    [InlineData("\t1-1\ta\tb\tc\td\te\tf\tg\th")]
    [InlineData("<html>")]
    public void A_line_that_names_no_package_is_a_fault(string line) =>
        Assert.Equal("it has lines that name no package", PackageReading.Read(Manifest, line)!.Fault);
}
