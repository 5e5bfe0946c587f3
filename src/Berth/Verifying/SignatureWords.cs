using Berth.Signatures;

namespace Berth.Verifying;

/// <summary>What the table and the API call things about signatures.</summary>
internal static class SignatureWords
{
    public const string Notation = "notation";

    /// <summary>Sigstore, not known by which rules: it did not verify.</summary>
    public const string Cosign = "cosign";

    public static string Of(SignatureKind kind) => kind switch
    {
        SignatureKind.CosignKey => "cosign-key",
        SignatureKind.CosignKeyless => "cosign-keyless",
        _ => Notation,
    };

    public static string Of(TimeSource source) => source switch
    {
        TimeSource.Log => "log",
        TimeSource.Timestamp => "timestamp",
        _ => "signer",
    };

    public static string KindOf(string mediaType) =>
        mediaType is JwsEnvelope.MediaType or CoseEnvelope.MediaType ? Notation : Cosign;
}
