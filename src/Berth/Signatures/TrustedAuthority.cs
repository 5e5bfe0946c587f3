using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>An authority that issues certificates: for signers (Fulcio) or for timestamps.</summary>
/// <param name="Chain">Up to its root, which comes last.</param>
/// <param name="ValidFor">When it is trusted.</param>
internal sealed record TrustedAuthority(IReadOnlyList<X509Certificate2> Chain, ValidityWindow ValidFor)
{
    public X509Certificate2 Root => Chain[^1];

    public string Name => Chain[0].Subject;
}
