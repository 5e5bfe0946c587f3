namespace Berth.Signatures;

/// <summary>One of two: a signature that was verified, or why it was not.</summary>
internal sealed record SignatureVerdict(VerifiedSignature? Signature, SignatureFault? Fault)
{
    public static implicit operator SignatureVerdict(VerifiedSignature signature) => new(signature, null);

    public static implicit operator SignatureVerdict(SignatureFault fault) => new(null, fault);
}
