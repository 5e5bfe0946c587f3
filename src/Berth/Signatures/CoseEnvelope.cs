using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;

namespace Berth.Signatures;

/// <summary>A signature of Notary Project as CBOR (RFC 9052, COSE_Sign1; notation, signature-envelope-cose.md).
/// </summary>
/// <param name="Message">As it was decoded.</param>
internal sealed record CoseEnvelope(CoseSign1Message Message) : NotationEnvelope
{
    public const string MediaType = "application/cose";

    private static readonly CoseHeaderLabel ChainLabel = new(33);

    /// <exception cref="FormatException">It is no such envelope. Says why.</exception>
    public static CoseEnvelope Read(ReadOnlyMemory<byte> cbor)
    {
        if (cbor.Length > SignatureLimits.MaxEnvelopeBytes) throw new FormatException("the envelope is very large");
        var message = Decode(cbor);
        var (signed, unsigned) = (message.ProtectedHeaders, message.UnprotectedHeaders);
        return new CoseEnvelope(message)
        {
            Payload = message.Content ?? throw new FormatException("the envelope has no payload"),
            Signature = message.Signature.ToArray(),
            ContentType = TextOf(signed, CoseHeaderLabel.ContentType, "content type"),
            Critical = Read(signed, CoseHeaderLabel.CriticalHeaders, ReadLabels) ?? [],
            Scheme = TextOf(signed, new CoseHeaderLabel(SchemeHeader), SchemeHeader),
            SigningTime = TimeOf(signed, TimeHeader),
            AuthenticTime = TimeOf(signed, AuthenticTimeHeader),
            Expiry = TimeOf(signed, ExpiryHeader),
            Chain = Read(unsigned, ChainLabel, ReadChain) ?? [],
            Timestamp = Read(unsigned, new CoseHeaderLabel(TimestampHeader), reader => reader.ReadByteString()),
        };
    }

    public override bool IsSignedBy(VerificationKey key)
    {
        if (NotationAlgorithm.Of(key) is not { } prescribed
            || !Message.ProtectedHeaders.TryGetValue(CoseHeaderLabel.Algorithm, out var algorithm)
            || algorithm.GetValueAsInt32() != prescribed.Number)
        {
            return false;
        }

        using AsymmetricAlgorithm own = key.Algorithm == KeyAlgorithm.Rsa ? key.CreateRsa() : key.CreateEcdsa();
        return Message.VerifyEmbedded(own);
    }

    private static CoseSign1Message Decode(ReadOnlyMemory<byte> cbor)
    {
        try
        {
            return CoseMessage.DecodeSign1(cbor.Span);
        }
        catch (CryptographicException e)
        {
            throw new FormatException("the envelope is no COSE_Sign1", e);
        }
    }

    private static T? Read<T>(CoseHeaderMap headers, CoseHeaderLabel label, Func<CborReader, T> read)
        where T : class =>
        headers.TryGetValue(label, out var value) ? read(new CborReader(value.EncodedValue)) : null;

    private static string TextOf(CoseHeaderMap headers, CoseHeaderLabel label, string name) =>
        Read(headers, label, reader => reader.ReadTextString()) ?? throw new FormatException($"{name} is missing");

    private static DateTimeOffset? TimeOf(CoseHeaderMap headers, string name) =>
        headers.TryGetValue(new CoseHeaderLabel(name), out var value)
            ? new CborReader(value.EncodedValue).ReadUnixTimeSeconds() : null;

    /// <summary>Names, and the numbers of headers that COSE itself has.</summary>
    private static List<string> ReadLabels(CborReader reader)
    {
        var labels = new List<string>();
        for (reader.ReadStartArray(); reader.PeekState() != CborReaderState.EndArray;)
        {
            if (labels.Count == SignatureLimits.MaxItems) throw new FormatException("there are many critical headers");
            labels.Add(reader.PeekState() == CborReaderState.TextString
                ? reader.ReadTextString() : $"{reader.ReadInt64()}");
        }

        return labels;
    }

    /// <summary>RFC 9360: a single certificate is in no list.</summary>
    private static List<byte[]> ReadChain(CborReader reader)
    {
        if (reader.PeekState() == CborReaderState.ByteString) return [reader.ReadByteString()];
        var chain = new List<byte[]>();
        for (reader.ReadStartArray(); reader.PeekState() != CborReaderState.EndArray;)
        {
            if (chain.Count == SignatureLimits.MaxCertificates)
                throw new FormatException($"there are more than {SignatureLimits.MaxCertificates} certificates");
            chain.Add(reader.ReadByteString());
        }

        return chain;
    }
}
