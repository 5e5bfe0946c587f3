namespace Berth.Signatures;

/// <summary>A public key whose signatures count.</summary>
/// <param name="Name">As people call it.</param>
/// <param name="Pem">A <c>PUBLIC KEY</c>, as <c>cosign generate-key-pair</c> writes it to cosign.pub.</param>
internal sealed record TrustedKey(string Name, string Pem)
{
    /// <exception cref="FormatException">The PEM is no key that can be used. Says why.</exception>
    public VerificationKey Key { get; } = VerificationKey.ParsePem(Pem);
}
