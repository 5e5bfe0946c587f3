using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>Certificates that came with a signature, for as long as it is verified.</summary>
internal sealed class CertificateSet : IDisposable
{
    private readonly List<X509Certificate2> _all = [];

    /// <exception cref="FormatException">One of them is no certificate, or there are too many.</exception>
    public CertificateSet(IReadOnlyList<byte[]> certificates)
    {
        if (certificates.Count > SignatureLimits.MaxCertificates)
            throw new FormatException($"there are more than {SignatureLimits.MaxCertificates} certificates");
        try
        {
            _all.AddRange(certificates.Select(CertificatePath.Load));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<X509Certificate2> All => _all;

    public void Dispose() => _all.ForEach(one => one.Dispose());
}
