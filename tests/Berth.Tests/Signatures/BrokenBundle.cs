using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Bundles that are right but for one thing.</summary>
/// <param name="Make">Makes it.</param>
/// <param name="Reason">Why it is refused.</param>
internal sealed partial record BrokenBundle(Func<LittleSigstore, LittleBundle> Make, string Reason)
{
    private const string OldIssuerExtension = "1.3.6.1.4.1.57264.1.1";

    private static readonly string OtherHash = Convert.ToBase64String(new byte[32]);
    private static readonly SignedImage Other = LittleBundle.Signed with { Digest = Digest.Of(default, [1]) };
    private static readonly string OtherHex = new('0', 64);

    /// <summary>By what is wrong.</summary>
    public static IReadOnlyDictionary<string, BrokenBundle> All { get; } = new[]
    {
        Entries(), Bodies(), Second(), Times(), Certificates(), Contents(),
    }.SelectMany(one => one).ToDictionary();

    private static LittleBundle With(LittleSigstore sigstore, Action<LittleBundle> change) =>
        With(sigstore, LittleKind.Message, change);

    private static LittleBundle With(LittleSigstore sigstore, LittleKind kind, Action<LittleBundle> change) =>
        Change(new LittleBundle(sigstore, kind), change);

    private static LittleBundle Of(LittleSigstore sigstore, LittleIdentity identity) =>
        new(sigstore, LittleKind.Message, identity);

    private static LittleBundle Change(LittleBundle bundle, Action<LittleBundle> change)
    {
        change(bundle);
        return bundle;
    }

    private static void Checkpoint(LittleBundle bundle, string note) =>
        bundle.Entry["inclusionProof"]!["checkpoint"]!["envelope"] = note;

    private static byte[] RootOf(LittleBundle bundle) =>
        Convert.FromBase64String((string)bundle.Entry["inclusionProof"]!["rootHash"]!);

    /// <summary>Moves one end of when something is trusted to some seconds after the signature.</summary>
    private static void Window(JsonNode trusted, string end, int seconds) =>
        trusted["validFor"]![end] = LittleSigstore.Time.AddSeconds(seconds).ToString("o");

    private static string Pem(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
}
