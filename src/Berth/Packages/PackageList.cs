using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Packages;

/// <summary>What a layer's files say of packages, in the form that the database keeps.</summary>
/// <param name="Files">The files.</param>
/// <param name="Fault">Why there are not all; null if there are.</param>
internal sealed record PackageList(IReadOnlyList<PackageFile> Files, string? Fault)
{
    /// <summary>The form, and what is found in layers. Lists of an earlier one are made again.</summary>
    public const int Form = 4;

    public byte[] Write()
    {
        using var buffer = new MemoryStream();
        using (var output = new ZLibStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
            JsonSerializer.Serialize(output, this, PackageJson.Default.PackageList);
        return buffer.ToArray();
    }

    public static PackageList Read(byte[] list)
    {
        using var input = new ZLibStream(new MemoryStream(list), CompressionMode.Decompress);
        return JsonSerializer.Deserialize(input, PackageJson.Default.PackageList)!;
    }
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PackageList))]
internal sealed partial class PackageJson : JsonSerializerContext;
