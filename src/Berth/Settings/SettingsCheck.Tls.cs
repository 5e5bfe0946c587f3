using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Settings;

/// <summary>The checks of certificates.</summary>
internal sealed partial class SettingsCheck
{
    private void MustBelongTogether(string certificatePath, string keyPath)
    {
        if (faults.Any(fault => fault.Key is "http.tls.certificate" or "http.tls.key")) return;
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(certificatePath));
            var end = certificate.NotAfter.ToUniversalTime();
            if (end < TimeProvider.System.GetUtcNow())
                Notice("http.tls.certificate", $"it expired on {end:yyyy-MM-dd}; clients refuse it");
        }
        catch (Exception e) when (IsBadPem(e))
        {
            Error("http.tls.certificate", $"'{certificatePath}' holds no certificate in PEM format: {e.Message}");
            return;
        }

        try
        {
            X509Certificate2.CreateFromPemFile(certificatePath, keyPath).Dispose();
        }
        catch (Exception e) when (IsBadPem(e))
        {
            Error("http.tls.key", $"'{keyPath}' is not the key of '{certificatePath}', an RSA or ECDSA key in PEM "
                + $"format without a passphrase: {e.Message}");
        }
    }

    private void CheckClientCa(string key, string path)
    {
        if (settings.Http.Tls.Certificate is null) MustExist(key, path);
        else CheckCa(key, path);
    }

    private void CheckCa(string key, string path)
    {
        MustExist(key, path);
        if (HasErrorIn(key)) return;
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(path);
            if (certificates.Count == 0) Error(key, $"'{path}' holds no certificate in PEM format");
        }
        catch (Exception e) when (IsBadPem(e))
        {
            Error(key, $"'{path}' holds no certificate in PEM format: {e.Message}");
        }
    }

    private static bool IsBadPem(Exception e) =>
        e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException;
}
