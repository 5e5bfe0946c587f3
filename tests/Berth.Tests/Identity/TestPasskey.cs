using System.Buffers.Binary;
using System.Buffers.Text;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Tests.Identity;

/// <summary>A device with one passkey, as Web Authentication, Level 3, describes it. It can be told to lie.</summary>
internal sealed class TestPasskey(string origin) : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public byte[] Id { get; } = RandomNumberGenerator.GetBytes(32);

    /// <summary>The origin that the browser reports.</summary>
    public string Origin { get; set; } = origin;

    /// <summary>The host that the key is for; null: what the registry says.</summary>
    public string? Host { get; set; }

    /// <summary>User present, user verified.</summary>
    public byte Flags { get; set; } = 0b101;

    public uint Count { get; set; }

    public byte[]? Handle { get; set; }

    /// <summary>What follows the fixed part of an assertion, with the flag for it.</summary>
    public byte[]? Extensions { get; set; }

    /// <summary>The algorithm that the key says it is for.</summary>
    public int Algorithm { get; set; } = -7;

    public string Format { get; set; } = "none";

    /// <summary>Answers <c>navigator.credentials.create</c>.</summary>
    public JsonObject Make(JsonElement options, string? challenge = null)
    {
        Handle = Base64Url.DecodeFromChars(options.GetProperty("user").GetProperty("id").GetString());
        var client = ClientData("webauthn.create", challenge ?? options.GetProperty("challenge").GetString()!);
        var data = new List<byte>(Fixed(options.GetProperty("rp").GetProperty("id").GetString()!, 0b1000000));
        data.AddRange(new byte[16]);
        data.AddRange([0, (byte)Id.Length, .. Id, .. CoseKey()]);
        var writer = new CborWriter(CborConformanceMode.Ctap2Canonical);
        writer.WriteStartMap(3);
        writer.WriteTextString("fmt");
        writer.WriteTextString(Format);
        writer.WriteTextString("attStmt");
        writer.WriteStartMap(0);
        writer.WriteEndMap();
        writer.WriteTextString("authData");
        writer.WriteByteString([.. data]);
        writer.WriteEndMap();
        return Answer(new JsonObject
        {
            ["clientDataJSON"] = Base64Url.EncodeToString(client),
            ["attestationObject"] = Base64Url.EncodeToString(writer.Encode()),
        });
    }

    /// <summary>Answers <c>navigator.credentials.get</c>.</summary>
    public JsonObject Sign(JsonElement options, string? challenge = null)
    {
        var client = ClientData("webauthn.get", challenge ?? options.GetProperty("challenge").GetString()!);
        byte[] data = [.. Fixed(options.GetProperty("rpId").GetString()!, Extensions is null ? 0 : 0b10000000),
            .. Extensions ?? []];
        var signature = key.SignData(
            [.. data, .. SHA256.HashData(client)], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return Answer(new JsonObject
        {
            ["clientDataJSON"] = Base64Url.EncodeToString(client),
            ["authenticatorData"] = Base64Url.EncodeToString(data),
            ["signature"] = Base64Url.EncodeToString(signature),
            ["userHandle"] = Handle is null ? null : Base64Url.EncodeToString(Handle),
        });
    }

    public void Dispose() => key.Dispose();

    private JsonObject Answer(JsonObject response) => new()
    {
        ["id"] = Base64Url.EncodeToString(Id),
        ["rawId"] = Base64Url.EncodeToString(Id),
        ["type"] = "public-key",
        ["response"] = response,
    };

    private byte[] ClientData(string type, string challenge) => Encoding.UTF8.GetBytes(
        new JsonObject { ["type"] = type, ["challenge"] = challenge, ["origin"] = Origin }.ToJsonString());

    private byte[] Fixed(string host, int more)
    {
        var data = new byte[37];
        SHA256.HashData(Encoding.UTF8.GetBytes(Host ?? host), data);
        data[32] = (byte)(Flags | more);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(33), Count);
        return data;
    }

    private byte[] CoseKey()
    {
        var point = key.ExportParameters(false).Q;
        var writer = new CborWriter(CborConformanceMode.Lax);
        writer.WriteStartMap(5);
        Write(1, Algorithm == -8 ? 1 : 2);
        Write(3, Algorithm);
        Write(-1, Algorithm == -8 ? 6 : 1);
        writer.WriteInt32(-2);
        writer.WriteByteString(point.X!);
        writer.WriteInt32(-3);
        writer.WriteByteString(point.Y!);
        writer.WriteEndMap();
        return writer.Encode();

        void Write(int label, int value)
        {
            writer.WriteInt32(label);
            writer.WriteInt32(value);
        }
    }
}
