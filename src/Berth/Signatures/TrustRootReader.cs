using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Berth.Signatures;

/// <summary>Reads a <c>trusted_root.json</c>. All methods throw FormatException.</summary>
internal static partial class TrustRootReader
{
    private const string MediaTypeStart = "application/vnd.dev.sigstore.trustedroot";
    private const int MaxEntries = 100;

    public static TrustRoot Read(ReadOnlyMemory<byte> json)
    {
        using var document = SignatureJson.Parse(json, "the trusted root");
        var root = document.RootElement;
        if (!SignatureJson.Text(root, "mediaType").StartsWith(MediaTypeStart, StringComparison.Ordinal))
            throw new FormatException("its media type is not that of a trusted root");
        return new TrustRoot
        {
            CertificateAuthorities = All(root, "certificateAuthorities", ReadAuthority),
            Logs = All(root, "tlogs", ReadLog),
            CertificateLogs = All(root, "ctlogs", ReadLog),
            TimestampAuthorities = All(root, "timestampAuthorities", ReadAuthority),
        };
    }

    private static List<T> All<T>(JsonElement root, string name, Func<JsonElement, T?> read)
        where T : class
    {
        var (all, told) = (new List<T>(), 0);
        foreach (var (index, one) in SignatureJson.Items(root, name, MaxEntries).Index())
        {
            told++;
            try
            {
                if (read(one) is { } found) all.Add(found);
            }
            catch (Exception e) when (e is FormatException or CryptographicException)
            {
                throw new FormatException($"{name}[{index}]: {e.Message}", e);
            }
        }

        // With none at all, what they attest would not be asked for.
        return all.Count > 0 || told == 0 ? all
            : throw new FormatException($"{name}: none of the keys is of a kind that is known here");
    }

    private static TrustedAuthority ReadAuthority(JsonElement authority)
    {
        var chain = SignatureJson.Items(
                SignatureJson.Field(authority, "certChain"), "certificates", SignatureLimits.MaxCertificates)
            .Select(one => CertificatePath.Load(SignatureJson.Bytes(one, "rawBytes"))).ToList();
        if (chain.Count == 0) throw new FormatException("the chain has no certificates");
        if (!CertificatePath.IsSelfIssued(chain[^1]))
            throw new FormatException("the chain does not end with a root certificate");
        return new TrustedAuthority(chain, ReadWindow(SignatureJson.Optional(authority, "validFor")));
    }

    /// <returns>Null if its key is of an algorithm that is newer than this code. No other log is the worse for it.
    /// </returns>
    private static TrustedLog? ReadLog(JsonElement log)
    {
        var key = SignatureJson.Field(log, "publicKey");
        if (!SupportedKey().IsMatch(SignatureJson.Text(key, "keyDetails"))) return null;
        var window = ReadWindow(SignatureJson.Optional(key, "validFor"));

        // Without it, the key would be trusted for all that was ever signed.
        if (window.Start is null) throw new FormatException("validFor.start of the public key is missing");
        return new TrustedLog(
            SignatureJson.Text(log, "baseUrl"),
            SignatureJson.Bytes(log, "logId", "keyId"),
            VerificationKey.Parse(InfoOf(key)),
            window);
    }

    /// <summary>Old logs have RSA keys without the frame that names the algorithm.</summary>
    private static byte[] InfoOf(JsonElement key)
    {
        var bytes = SignatureJson.Bytes(key, "rawBytes");
        if (!SignatureJson.Text(key, "keyDetails").StartsWith("PKCS1_", StringComparison.Ordinal)) return bytes;
        using var rsa = RSA.Create();
        rsa.ImportRSAPublicKey(bytes, out _);
        return rsa.ExportSubjectPublicKeyInfo();
    }

    private static ValidityWindow ReadWindow(JsonElement? window) => window is { } found
        ? new ValidityWindow(ReadTime(found, "start"), ReadTime(found, "end"))
        : new ValidityWindow(null, null);

    private static DateTimeOffset? ReadTime(JsonElement window, string name)
    {
        if (SignatureJson.OptionalText(window, name) is not { } text) return null;
        return DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new FormatException($"validFor.{name} is not a time");
    }

    [GeneratedRegex("^(PKIX_ECDSA_|PKIX_RSA_|PKIX_ED25519$|PKCS1_RSA_)")]
    private static partial Regex SupportedKey();
}
