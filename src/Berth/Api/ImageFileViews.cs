using System.Text.Json;
using Berth.Contents;

namespace Berth.Api;

/// <summary>A layer of an image, and how far the list of its files is.</summary>
internal sealed record ImageLayerView(
    string Digest, string MediaType, long SizeBytes, string State, string? Fault, long? Entries, long? FileBytes)
{
    public static ImageLayerView Of(ImageLayer layer)
    {
        var isIndexed = layer.State == LayerState.Indexed;
        return new ImageLayerView(
            layer.Digest.Text, layer.Descriptor.MediaType, layer.Descriptor.SizeBytes, ImageFileWords.Of(layer.State),
            layer.State == LayerState.Fault ? layer.Row?.Fault : null, isIndexed ? layer.Row?.Entries : null,
            isIndexed ? layer.Row?.FileBytes : null);
    }
}

/// <summary>A file or folder of an image.</summary>
internal sealed record ImageFileView(
    string Name, string Path, string Kind, long SizeBytes, string Mode, long Uid, long Gid, string? Layer)
{
    /// <summary>Absent for a folder that no layer has by itself.</summary>
    public DateTimeOffset? ModifiedAt { get; init; }

    public string? Link { get; init; }

    /// <summary>For folders.</summary>
    public long? Files { get; init; }

    /// <summary>True, or absent.</summary>
    public bool? IsOpaque { get; init; }

    /// <param name="node">The file.</param>
    /// <param name="layers">The layers that were put together.</param>
    public static ImageFileView Of(FileNode node, IReadOnlyList<ImageLayer> layers)
    {
        var content = node.Content ?? node;
        var isFolder = node.Kind == EntryKind.Folder;
        return new ImageFileView(
            node.Name, "/" + node.Path, ImageFileWords.Of(node.Kind), isFolder ? node.TotalBytes : content.OwnBytes,
            ImageFileWords.OfMode(content.Mode), content.Uid, content.Gid,
            node.Layer < layers.Count ? layers[node.Layer].Digest.Text : null)
        {
            ModifiedAt = node.Number < 0 ? null : ImageFileWords.TimeOf(content.ModifiedAt),
            Link = node.Kind == EntryKind.HardLink ? "/" + node.Link : node.Link,
            Files = isFolder ? node.Files : null,
            IsOpaque = node.IsOpaque ? true : null,
        };
    }
}

/// <summary>A folder of an image, or what was found in it.</summary>
internal sealed record ImageFilesView(
    string Digest, string? Platform, bool IsComplete, IReadOnlyList<ImageLayerView> Layers, ImageFileView? File,
    IReadOnlyList<ImageFileView> Items);

/// <summary>What later layers of an image replaced or removed.</summary>
internal sealed record ImageWasteView(
    string Digest, string? Platform, bool IsComplete, IReadOnlyList<ImageLayerView> Layers, long LayerBytes,
    long WastedBytes, long WastedFiles, double Efficiency, IReadOnlyList<WastedFileView> Items);

/// <summary>A file that a later layer replaced or removed.</summary>
internal sealed record WastedFileView(string Path, long SizeBytes, string Layer, string GoneIn, bool IsReplaced);

/// <summary>How two images differ.</summary>
internal sealed record ImageDifferencesView(
    ComparedImageView From, ComparedImageView To, IReadOnlyList<string> SharedLayers,
    IReadOnlyList<ConfigDifferenceView>? Config, IReadOnlyList<PackageDifferenceView>? Packages, long Added,
    long Removed, long Changed, IReadOnlyList<FileDifferenceView> Items)
{
    public int? MorePackages { get; init; }

    public IReadOnlyList<string>? PackageFaults { get; init; }
}

/// <summary>One of the images that are compared.</summary>
internal sealed record ComparedImageView(
    string Repository, string Digest, string? Platform, bool IsComplete, long FileBytes,
    IReadOnlyList<ImageLayerView> Layers);

/// <summary>A field of the config that two images have not alike.</summary>
internal sealed record ConfigDifferenceView(string Field, IReadOnlyList<string> From, IReadOnlyList<string> To);

/// <summary>A package that differs between two images.</summary>
internal sealed record PackageDifferenceView(
    string Type, string Name, IReadOnlyList<string> From, IReadOnlyList<string> To);

/// <summary>A file that two images have not alike.</summary>
internal sealed record FileDifferenceView(
    string Path, string Change, string Kind, long? FromBytes, long? ToBytes, IReadOnlyList<string> What)
{
    public static FileDifferenceView Of(FileDifference one) => new(
        "/" + one.Path, ImageFileWords.Of(one.Change), ImageFileWords.Of((one.To ?? one.From)!.Kind),
        BytesOf(one.From), BytesOf(one.To), one.What);

    private static long? BytesOf(FileNode? node) =>
        node is null ? null : node.Kind == EntryKind.Folder ? node.TotalBytes : (node.Content ?? node).OwnBytes;
}

/// <summary>The words of the API for what is in images.</summary>
internal static class ImageFileWords
{
    private const int ModeDigits = 4;

    private static readonly long FirstSecond = DateTimeOffset.MinValue.ToUnixTimeSeconds();
    private static readonly long LastSecond = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>As chmod takes it.</summary>
    public static string OfMode(int mode) => Convert.ToString(mode, 8).PadLeft(ModeDigits, '0');

    /// <summary>A layer may say any number.</summary>
    public static DateTimeOffset TimeOf(long seconds) =>
        DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(seconds, FirstSecond, LastSecond));
}
