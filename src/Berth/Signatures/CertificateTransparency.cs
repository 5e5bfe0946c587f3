using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>
/// Verifies that a certificate is in a public log, by the log's promise that is embedded in it (RFC 6962, section 3).
/// </summary>
internal static class CertificateTransparency
{
    private const string ListExtension = "1.3.6.1.4.1.11129.2.4.2";

    /// <summary>The log's signature over the certificate.</summary>
    private readonly record struct Promise(
        byte[] LogId, ulong TimeMs, ReadOnlyMemory<byte> Extensions, ReadOnlyMemory<byte> Signature);

    /// <param name="certificate">With promises in it.</param>
    /// <param name="issuer">The certificate of who issued it.</param>
    /// <param name="logs">Which logs are trusted.</param>
    /// <returns>Why none of them promises it; null if one does.</returns>
    /// <exception cref="FormatException">The promises can't be read.</exception>
    public static string? Check(X509Certificate2 certificate, byte[] issuer, IReadOnlyList<TrustedLog> logs)
    {
        if (certificate.Extensions[ListExtension] is not { } extension)
            return "the certificate is in no log of certificates";
        try
        {
            using var issuedBy = CertificatePath.Load(issuer);
            var issuerKey = issuedBy.PublicKey.ExportSubjectPublicKeyInfo();
            var reason = "the certificate is only in logs of certificates that are not trusted";
            var logged = LoggedPart(certificate.RawDataMemory);
            foreach (var promise in ReadPromises(extension.RawData))
            {
                if (logs.FirstOrDefault(one => one.Id.AsSpan().SequenceEqual(promise.LogId)) is not { } log) continue;
                if (CheckPromise(promise, log, SignedBy(promise, issuerKey, logged)) is not { } fault) return null;
                reason = fault;
            }

            return reason;
        }
        catch (Exception e) when (e is AsnContentException or ArgumentOutOfRangeException)
        {
            throw new FormatException("the promises of logs of certificates can't be read", e);
        }
    }

    private static string? CheckPromise(Promise promise, TrustedLog log, byte[] signed)
    {
        if (promise.TimeMs > 253402300799999) return "the log of certificates gives no time";
        var time = DateTimeOffset.FromUnixTimeMilliseconds((long)promise.TimeMs);
        if (!log.ValidFor.Contains(time))
            return $"the log of certificates was not trusted at {CertificatePath.TimeText(time)}";
        return log.Key.VerifiesMessage(signed, promise.Signature.Span) ? null
            : "the log of certificates did not sign this certificate";
    }

    /// <summary>The extension is an octet string, and in it a list as TLS has them (section 3.3).</summary>
    private static List<Promise> ReadPromises(byte[] extension)
    {
        var list = Vector(new AsnReader(extension, AsnEncodingRules.DER).ReadOctetString(), out _);
        var promises = new List<Promise>();
        while (!list.IsEmpty && promises.Count < SignatureLimits.MaxItems)
        {
            var one = Vector(list, out list);

            // The only version is 0. Others are for programs that know them.
            if (one.IsEmpty || one.Span[0] != 0) continue;
            var time = BinaryPrimitives.ReadUInt64BigEndian(one.Span.Slice(33, 8));
            var extensions = Vector(one[41..], out var rest);

            // Two bytes name the algorithm, which the log's key tells.
            promises.Add(new Promise(one[1..33].ToArray(), time, extensions, Vector(rest[2..], out _)));
        }

        return promises;
    }

    private static ReadOnlyMemory<byte> Vector(ReadOnlyMemory<byte> from, out ReadOnlyMemory<byte> rest)
    {
        var length = from.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(from.Span);
        rest = from[(2 + length)..];
        return from.Slice(2, length);
    }

    /// <summary>What a log signs before the certificate exists (section 3.2).</summary>
    private static byte[] SignedBy(Promise promise, byte[] issuerKey, byte[] logged)
    {
        var time = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(time, promise.TimeMs);
        return
        [
            0, 0, .. time, 0, 1, .. SHA256.HashData(issuerKey),
            (byte)(logged.Length >> 16), (byte)(logged.Length >> 8), (byte)logged.Length, .. logged,
            (byte)(promise.Extensions.Length >> 8), (byte)promise.Extensions.Length, .. promise.Extensions.Span,
        ];
    }

    /// <summary>The certificate without its signature, and without the extension that holds the promises.</summary>
    private static byte[] LoggedPart(ReadOnlyMemory<byte> certificate)
    {
        var outer = new AsnReader(certificate, AsnEncodingRules.DER).ReadSequence();
        var fields = outer.ReadSequence();
        var writer = new AsnWriter(AsnEncodingRules.DER);
        var extensions = new Asn1Tag(TagClass.ContextSpecific, 3);
        using (writer.PushSequence())
        {
            while (fields.HasData)
            {
                var isList = fields.PeekTag().HasSameClassAndValue(extensions);
                if (isList) WriteOthers(fields.ReadSequence(extensions), writer);
                else writer.WriteEncodedValue(fields.ReadEncodedValue().Span);
            }
        }

        return writer.Encode();

        void WriteOthers(AsnReader list, AsnWriter to)
        {
            var all = list.ReadSequence();
            using var tagged = to.PushSequence(extensions);
            using var sequence = to.PushSequence();
            while (all.HasData)
            {
                var one = all.ReadEncodedValue();
                var name = new AsnReader(one, AsnEncodingRules.DER).ReadSequence().ReadObjectIdentifier();
                if (name != ListExtension) to.WriteEncodedValue(one.Span);
            }
        }
    }
}
