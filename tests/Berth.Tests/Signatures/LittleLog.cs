using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Berth.Tests.Signatures;

/// <summary>A transparency log of the tests' own: as Rekor 1 with ECDSA, or as Rekor 2 with Ed25519.</summary>
internal sealed class LittleLog
{
    private const int Before = 4;
    private const int After = 2;

    private readonly ECDsa? _key;
    private readonly byte[] _seed = RandomNumberGenerator.GetBytes(Ed25519.SecretKeySize);
    private readonly byte[] _public = new byte[Ed25519.PublicKeySize];

    public LittleLog(string host, bool isSecond = false)
    {
        Host = host;
        if (isSecond) Ed25519.GeneratePublicKey(_seed, 0, _public, 0);
        else _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    }

    public string Host { get; }

    /// <summary>The SubjectPublicKeyInfo. That of Ed25519 always begins with the same bytes (RFC 8410).</summary>
    public byte[] Key => _key?.ExportSubjectPublicKeyInfo()
        ?? [.. Convert.FromHexString("302a300506032b6570032100"), .. _public];

    /// <summary>The hash of the key; for Ed25519, with the name.</summary>
    public byte[] Id => _key is not null ? SHA256.HashData(Key)
        : SHA256.HashData([.. Encoding.UTF8.GetBytes(Host), (byte)'\n', 1, .. _public]);

    private bool IsSecond => _key is null;

    /// <summary>How a trusted root names it.</summary>
    public JsonObject Trusted() => new()
    {
        ["baseUrl"] = $"https://{Host}",
        ["hashAlgorithm"] = "SHA2_256",
        ["publicKey"] = new JsonObject
        {
            ["rawBytes"] = Convert.ToBase64String(Key),
            ["keyDetails"] = IsSecond ? "PKIX_ED25519" : "PKIX_ECDSA_P256_SHA_256",
            ["validFor"] = new JsonObject { ["start"] = "2025-01-01T00:00:00Z" },
        },
        ["logId"] = new JsonObject { ["keyId"] = Convert.ToBase64String(Id) },
    };

    public byte[] Sign(byte[] message)
    {
        if (_key is not null)
            return _key.SignData(message, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        var signature = new byte[Ed25519.SignatureSize];
        Ed25519.Sign(_seed, 0, message, 0, message.Length, signature, 0);
        return signature;
    }

    /// <summary>Logs a body among others.</summary>
    /// <returns>The entry, as a bundle has it.</returns>
    public JsonObject Log(JsonNode body, DateTimeOffset time)
    {
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString());
        var leaves = Enumerable.Range(0, Before + 1 + After)
            .Select(index => index == Before ? bytes : RandomNumberGenerator.GetBytes(20)).ToList();
        var (root, index) = (RootOf(leaves), 1_000_000 + Before);
        var entry = new JsonObject
        {
            ["logIndex"] = $"{index}",
            ["logId"] = new JsonObject { ["keyId"] = Convert.ToBase64String(Id) },
            ["kindVersion"] = new JsonObject
            {
                ["kind"] = (string)body["kind"]!,
                ["version"] = (string)body["apiVersion"]!,
            },
            ["inclusionProof"] = new JsonObject
            {
                ["logIndex"] = $"{Before}",
                ["rootHash"] = Convert.ToBase64String(root),
                ["treeSize"] = $"{leaves.Count}",
                ["hashes"] = new JsonArray(
                    [.. PathOf(leaves, Before).Select(one => (JsonNode)Convert.ToBase64String(one))]),
                ["checkpoint"] = new JsonObject { ["envelope"] = Checkpoint(leaves.Count, root) },
            },
            ["canonicalizedBody"] = Convert.ToBase64String(bytes),
        };
        if (IsSecond) return entry;
        entry["integratedTime"] = $"{time.ToUnixTimeSeconds()}";
        entry["inclusionPromise"] = new JsonObject { ["signedEntryTimestamp"] = Promise(bytes, time, index) };
        return entry;
    }

    /// <summary>A signed note.</summary>
    public string Checkpoint(int size, byte[] root, string? origin = null, string? signer = null, byte[]? hint = null)
    {
        var text = $"{origin ?? (IsSecond ? Host : $"{Host} - 123")}\n{size}\n{Convert.ToBase64String(root)}\n";
        var signature = Convert.ToBase64String([.. hint ?? Id[..4], .. Sign(Encoding.UTF8.GetBytes(text))]);
        return $"{text}\n— {signer ?? Host} {signature}\n";
    }

    private string Promise(byte[] body, DateTimeOffset time, int index)
    {
        var promised = new JsonObject
        {
            ["body"] = Convert.ToBase64String(body),
            ["integratedTime"] = time.ToUnixTimeSeconds(),
            ["logID"] = Convert.ToHexStringLower(Id),
            ["logIndex"] = index,
        };
        var text = promised.ToJsonString(new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        return Convert.ToBase64String(Sign(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>RFC 9162, section 2.1.1, as it is defined there.</summary>
    public static byte[] RootOf(List<byte[]> leaves)
    {
        if (leaves.Count == 1) return SHA256.HashData([0, .. leaves[0]]);
        var split = SplitOf(leaves.Count);
        return SHA256.HashData([1, .. RootOf([.. leaves.Take(split)]), .. RootOf([.. leaves.Skip(split)])]);
    }

    /// <summary>RFC 9162, section 2.1.3.1, as it is defined there.</summary>
    public static IEnumerable<byte[]> PathOf(List<byte[]> leaves, int index)
    {
        if (leaves.Count == 1) return [];
        var split = SplitOf(leaves.Count);
        var (left, right) = (leaves.Take(split).ToList(), leaves.Skip(split).ToList());
        return index < split
            ? [.. PathOf(left, index), RootOf(right)]
            : [.. PathOf(right, index - split), RootOf(left)];
    }

    private static int SplitOf(int count)
    {
        var split = 1;
        while (split * 2 < count) split *= 2;
        return split;
    }
}
