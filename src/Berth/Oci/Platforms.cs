namespace Berth.Oci;

/// <summary>Platforms as people write them, such as <c>linux/arm/v7</c>, in one order everywhere.</summary>
internal static class Platforms
{
    /// <summary>The most used ones first; all others follow by name.</summary>
    private static readonly string[] Usual =
    [
        "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/s390x",
        "linux/riscv64", "windows/amd64", "windows/arm64",
    ];

    private const string Unknown = Platform.UnknownOs;

    /// <summary>
    /// Empty for none: attestations say <c>unknown/unknown</c>. The usual variant is left out, as containerd does.
    /// </summary>
    public static string NameOf(string os, string architecture, string variant)
    {
        if (os.Length == 0 || architecture.Length == 0 || os == Unknown || architecture == Unknown) return "";
        var isUsual = variant.Length == 0 || (architecture, variant) is ("arm64", "v8") or ("amd64", "v1");
        return isUsual ? $"{os}/{architecture}" : $"{os}/{architecture}/{variant}";
    }

    /// <summary>The same for what a manifest says.</summary>
    public static string NameOf(Platform platform) =>
        NameOf(platform.Os, platform.Architecture, platform.Variant);

    public static int Compare(string one, string other)
    {
        var (first, second) = (RankOf(one), RankOf(other));
        return first != second ? first.CompareTo(second) : string.CompareOrdinal(one, other);
    }

    private static int RankOf(string platform) =>
        Array.IndexOf(Usual, platform) is var at && at >= 0 ? at : Usual.Length;
}
