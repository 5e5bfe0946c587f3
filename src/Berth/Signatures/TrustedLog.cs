namespace Berth.Signatures;

/// <summary>A transparency log: of signatures (Rekor) or of certificates.</summary>
/// <param name="BaseUrl">Where it is. Nothing is fetched from there; its host is the log's name.</param>
/// <param name="Id">What entries name it by.</param>
/// <param name="Key">Its key.</param>
/// <param name="ValidFor">When the key is trusted.</param>
internal sealed record TrustedLog(string BaseUrl, byte[] Id, VerificationKey Key, ValidityWindow ValidFor)
{
    public string Host => Uri.TryCreate(BaseUrl, UriKind.Absolute, out var address) ? address.Host : BaseUrl;
}
