using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <summary>What Rekor writes into its log (rekor, pkg/types).</summary>
internal static class LittleBody
{
    /// <summary>A signature of a message.</summary>
    public static JsonObject HashedRekord(byte[] signed, byte[] signature, string signerPem) => Body(
        "hashedrekord", "0.0.1",
        new JsonObject
        {
            ["data"] = new JsonObject { ["hash"] = Hash(signed) },
            ["signature"] = new JsonObject
            {
                ["content"] = Convert.ToBase64String(signature),
                ["publicKey"] = new JsonObject { ["content"] = Text(signerPem) },
            },
        });

    /// <summary>The same in Rekor 2, for envelopes too.</summary>
    public static JsonObject HashedRekord2(byte[] signed, byte[] signature, byte[] certificate) => Body(
        "hashedrekord", "0.0.2",
        new JsonObject
        {
            ["hashedRekordV002"] = new JsonObject
            {
                ["data"] = new JsonObject
                {
                    ["algorithm"] = "SHA2_256",
                    ["digest"] = Convert.ToBase64String(SHA256.HashData(signed)),
                },
                ["signature"] = new JsonObject
                {
                    ["content"] = Convert.ToBase64String(signature),
                    ["verifier"] = new JsonObject
                    {
                        ["keyDetails"] = "PKIX_ECDSA_P256_SHA_256",
                        ["x509Certificate"] = new JsonObject { ["rawBytes"] = Convert.ToBase64String(certificate) },
                    },
                },
            },
        });

    public static JsonObject Envelope(byte[] statement, byte[] signature, string signerPem) => Body(
        "dsse", "0.0.1",
        new JsonObject
        {
            ["payloadHash"] = Hash(statement),
            ["signatures"] = new JsonArray(new JsonObject
            {
                ["signature"] = Convert.ToBase64String(signature),
                ["verifier"] = Text(signerPem),
            }),
        });

    /// <summary>Its signature is encoded twice.</summary>
    public static JsonObject Statement(byte[] statement, byte[] signature, string signerPem) => Body(
        "intoto", "0.0.2",
        new JsonObject
        {
            ["content"] = new JsonObject
            {
                ["envelope"] = new JsonObject
                {
                    ["payloadType"] = LittleBundle.StatementType,
                    ["signatures"] = new JsonArray(new JsonObject
                    {
                        ["sig"] = Text(Convert.ToBase64String(signature)),
                        ["publicKey"] = Text(signerPem),
                    }),
                },
                ["payloadHash"] = Hash(statement),
            },
        });

    /// <summary>The version before, which has only the hash of the envelope.</summary>
    public static JsonObject OldStatement(byte[] envelope, string signerPem) => Body(
        "intoto", "0.0.1",
        new JsonObject
        {
            ["content"] = new JsonObject { ["hash"] = Hash(envelope) },
            ["publicKey"] = Text(signerPem),
        });

    private static JsonObject Body(string kind, string version, JsonObject spec) => new()
    {
        ["apiVersion"] = version,
        ["kind"] = kind,
        ["spec"] = spec,
    };

    private static JsonObject Hash(byte[] content) => new()
    {
        ["algorithm"] = "sha256",
        ["value"] = Convert.ToHexStringLower(SHA256.HashData(content)),
    };

    private static string Text(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
