using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Packages;

/// <summary>What a layer's files list, in the form that the database keeps.</summary>
internal static class PackageList
{
    public static byte[] Write(IReadOnlyList<PackageFile> files)
    {
        using var buffer = new MemoryStream();
        using (var output = new ZLibStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
            JsonSerializer.Serialize(output, files, PackageJson.Default.IReadOnlyListPackageFile);
        return buffer.ToArray();
    }

    public static IReadOnlyList<PackageFile> Read(byte[] list)
    {
        using var input = new ZLibStream(new MemoryStream(list), CompressionMode.Decompress);
        return JsonSerializer.Deserialize(input, PackageJson.Default.IReadOnlyListPackageFile)!;
    }
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<PackageFile>))]
internal sealed partial class PackageJson : JsonSerializerContext;
