using System.Security.Cryptography;
using System.Text;

namespace Berth.Tests.Faults;

/// <summary>A blob of pseudo-random bytes, which are made again from the seed instead of being kept.</summary>
internal sealed record TestBlob(int Seed, int LengthBytes)
{
    public string Digest { get; } = DigestOf(Make(Seed, LengthBytes));

    public byte[] Content => Make(Seed, LengthBytes);

    public static string DigestOf(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    private static byte[] Make(int seed, int lengthBytes)
    {
        var content = new byte[lengthBytes];
        new Random(seed).NextBytes(content);
        return content;
    }
}

/// <summary>An image in a repository: a config, layers, and perhaps a layer that another repository has already.</summary>
internal sealed record TestImage(
    string Repository, string Tag, TestBlob Config, IReadOnlyList<TestBlob> Layers, TestImage? MountedFrom)
{
    public const string MediaType = "application/vnd.oci.image.manifest.v1+json";

    public TestBlob? Mounted => MountedFrom?.Layers[0];

    public IEnumerable<TestBlob> Blobs => Mounted is null ? [Config, .. Layers] : [Config, .. Layers, Mounted];

    public byte[] Manifest
    {
        get
        {
            var layers = Blobs.Skip(1).Select(b => Describe(b, "application/vnd.oci.image.layer.v1.tar"));
            return Encoding.UTF8.GetBytes(
                $$"""
                {"schemaVersion":2,"mediaType":"{{MediaType}}",
                "config":{{Describe(Config, "application/vnd.oci.image.config.v1+json")}},
                "layers":[{{string.Join(",", layers)}}]}
                """);
        }
    }

    /// <summary>An image of up to four small layers; one in twelve has a layer of up to three MiB.</summary>
    public static TestImage Random(Random random, IReadOnlyList<TestImage> others)
    {
        TestBlob Blob(int most) => new(random.Next(), random.Next(1, most));
        var layers = Enumerable.Range(0, random.Next(1, 5)).Select(_ => Blob(48 * 1024)).ToList();
        if (random.Next(12) == 0) layers.Add(Blob(3 * 1024 * 1024));
        return new TestImage(
            $"team{random.Next(4)}/app{random.Next(8)}",
            $"v{random.Next()}",
            Blob(2000),
            layers,
            others.Count > 0 && random.Next(3) == 0 ? others[random.Next(others.Count)] : null);
    }

    private static string Describe(TestBlob blob, string mediaType) =>
        $$"""{"mediaType":"{{mediaType}}","digest":"{{blob.Digest}}","size":{{blob.LengthBytes}}}""";
}
