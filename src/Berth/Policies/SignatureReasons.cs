using Berth.Access;
using Berth.Metadata;

namespace Berth.Policies;

/// <summary>What policies have against the signatures of an image.</summary>
internal static class SignatureReasons
{
    private const int MaxNamed = 5;
    private const int MaxTextChars = 100;

    /// <summary>Why its signatures do not do; null if they do, or nobody asks for them.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="image">The image.</param>
    /// <param name="isUnsigned">Whether it has to be signed, for which whoever signs has to be let in.</param>
    public static string? Find(Policy policy, JudgedImage image, out bool isUnsigned)
    {
        isUnsigned = false;
        var spec = policy.Spec;
        if (!spec.AsksForSignatures) return null;
        var fitting = image.Signatures.Where(one => Fits(spec, one)).ToList();

        // Owners of namespaces trust whom they like.
        if (fitting.Exists(one => !policy.Row.IsMandatory || one.Result!.TrustedIn is null or "")) return null;
        if (image.SignaturesWaitAgain is { } again)
        {
            return again
                ? "its signatures are being verified again, since what is trusted has changed: try again in a minute"
                : "its signatures are being verified: try again in a minute";
        }

        if (fitting.Count > 0)
        {
            var result = fitting[0].Result!;
            return $"it is signed by {Plain(result.TrustedBy ?? result.Signer ?? "")} of {result.TrustedIn}, but this "
                + $"policy is mandatory: an administrator has to trust that {WordOf(result)} in the whole registry";
        }

        isUnsigned = true;
        return spec.SignedBy.Count > 0
            ? $"it is not signed by {Plain(string.Join(" or ", spec.SignedBy.Take(MaxNamed)))}"
            : "nobody who is trusted has signed it";
    }

    /// <summary>Who has to sign an image that a policy keeps from being pulled: to sign it, its manifest is pulled.
    /// </summary>
    /// <param name="policy">The policy.</param>
    /// <param name="isNamed">Whether whoever reads this may know whom the policy exempts.</param>
    public static string SayWhoSigns(Policy policy, bool isNamed) =>
        !isNamed ? "an account that the policy exempts (--exempt) has to sign it"
        : policy.Spec.Exempt.Count == 0
            ? "the policy exempts nobody: exempt an account (--exempt), and sign it with that one"
        : $"{Plain(string.Join(" or ", policy.Spec.Exempt.Take(MaxNamed)))}, which the policy exempts, has to sign it";

    private static bool Fits(PolicySpec spec, FoundSignature one) => one.Result is { IsSignature: true } result
        && (spec.SignedBy.Count == 0
            || spec.SignedBy.Any(name => name == result.TrustedBy || name == result.Signer));

    private static string WordOf(SignatureResult result) => result.Kind switch
    {
        "cosign-key" => "key",
        "cosign-keyless" => "identity",
        _ => "policy of Notary Project",
    };

    private static string Plain(string text) => PlainText.Of(text, MaxNamed * MaxTextChars);
}
