using System.Text;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>Makes manifests that are nearly right, a little wrong, or rubbish; the same from the same seed.</summary>
internal sealed class Mutation(Random random)
{
    private static readonly string[] Tokens =
    [
        "{", "}", "[", "]", ",", ":", "null", "true", "-1", "0", "1e400", "99999999999999999999", "1.5", "\"\"",
        "\"\\ud800\"", "\"\\u0000\"",
        "\"\\r\\nX: y\"", "\"é\"", "\"sha256:\"", "\"latest\"", "\"mediaType\"", "\"manifests\":[],",
        "\"layers\":[],", "\"subject\":", "\"digest\":",
        "\"annotations\":{\"\\ud800\":\"\\udfff\"},", "\"artifactType\":\"a\\u0000b\",", "\"config\":{},",
        "\"schemaVersion\":1,", "\"urls\":[7,\"x\"],",
        "\"platform\":7,", "\"platform\":{\"os\":1},", "\u2028", "\ufeff", "//", "/**/",
    ];

    private static readonly string?[] Types =
    [
        null, MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList,
        MediaTypes.OciArtifact,
        MediaTypes.DockerSchema1, "application/json", "application/vnd.example+json", "text/plain; charset=utf-8",
        "rubbish", "a/b;q=\"", "*/*",
    ];

    private static readonly string[] Seeds =
    [
        Images.Oci(),
        Images.Oci(
            $",\"annotations\":{{\"a\":\"b\"}},\"subject\":{Images.Descriptor(MediaTypes.OciManifest, "subject")}"),
        Images.Oci(",\"artifactType\":\"application/vnd.example\""),
        Images.Index(Images.Descriptor(
            MediaTypes.OciManifest, Images.Oci(), ",\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}")),
        Images.Index(
            "", $",\"subject\":{Images.Descriptor(MediaTypes.OciManifest, "subject")},\"annotations\":{{\"x\":\"y\"}}"),
        Images.Oci().Replace(MediaTypes.OciManifest, MediaTypes.DockerManifest, StringComparison.Ordinal),
        "{\"schemaVersion\":2}",
    ];

    public string? Type() => Types[random.Next(Types.Length)];

    public byte[] Manifest() => random.Next(10) switch
    {
        0 => Rubbish(),
        1 => Encoding.UTF8.GetBytes(Json(5)),
        2 => Encoding.UTF8.GetBytes(Nested()),
        _ => Mutated(),
    };

    private byte[] Mutated()
    {
        var bytes = new List<byte>(Encoding.UTF8.GetBytes(Seeds[random.Next(Seeds.Length)]));
        for (var i = random.Next(4); i > 0 && bytes.Count > 0; i--)
        {
            var at = random.Next(bytes.Count);
            var length = random.Next(Math.Min(40, bytes.Count - at) + 1);
            switch (random.Next(5))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                default: Splice(bytes); break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Puts a token where a value or a field begins, in place of what is there or before it.</summary>
    private void Splice(List<byte> bytes)
    {
        var starts =
            Enumerable.Range(0, bytes.Count).Where(i => bytes[i] is (byte)':' or (byte)'{' or (byte)',').ToList();
        if (starts.Count == 0) return;
        var at = starts[random.Next(starts.Count)] + 1;
        var end = at;
        while (end < bytes.Count && random.Next(3) > 0 && bytes[end] is not ((byte)',' or (byte)'}')) end++;
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]));
    }

    private byte[] Rubbish()
    {
        var bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        return bytes;
    }

    private string Json(int depth) => random.Next(depth > 0 ? 6 : 4) switch
    {
        0 => "null",
        1 => $"{random.Next()}",
        2 => $"\"{(char)random.Next(0x20, 0x7e)}\"".Replace("\\", "", StringComparison.Ordinal),
        3 => "\"application/vnd.oci.image.manifest.v1+json\"",
        4 => $"[{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Json(depth - 1)))}]",
        _ => $"{{{string.Join(',', Fields().Select(f => $"\"{f}\":{Json(depth - 1)}"))}}}",
    };

    private IEnumerable<string> Fields()
    {
        string[] known =
        [
            "schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "digest", "size",
            "urls", "platform", "artifactType",
        ];
        return Enumerable.Range(0, random.Next(8)).Select(_ => known[random.Next(known.Length)]);
    }

    private string Nested()
    {
        var depth = random.Next(1, 5000);
        return $"{{\"schemaVersion\":2,\"layers\":{new string('[', depth)}{new string(']', random.Next(2) * depth)}}}";
    }
}
