using System.Text;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>Reads the files of a layer that list packages.</summary>
internal sealed class LayerPackages : ILayerReader, IDisposable
{
    /// <summary>A thousand packages take a megabyte.</summary>
    private const int MaxFileBytes = 16 << 20;

    private const int MaxPackages = 100_000;
    private const int MaxFiles = 10_000;

    private readonly List<PackageFile> found = [];
    private readonly MemoryStream content = new();
    private int packages;
    private PackageFormat? format;
    private LayerEntry? entry;

    public bool IsDone => false;

    /// <summary>Null if the layer has no such file.</summary>
    public byte[]? Finish() => found.Count == 0 ? null : PackageList.Write(found);

    public ValueTask<bool> BeginAsync(LayerEntry begun, CancellationToken cancellation)
    {
        entry = begun;
        format = begun.Kind == EntryKind.File && found.Count < MaxFiles ? PackageFormat.Find(begun.Path) : null;
        return ValueTask.FromResult(format is not null && begun.SizeBytes <= MaxFileBytes);
    }

    public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        content.Write(piece.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask EndAsync(CancellationToken cancellation)
    {
        if (format is null) return ValueTask.CompletedTask;
        found.RemoveAll(one => one.Path == entry!.Path);
        found.Add(entry!.SizeBytes > MaxFileBytes
            ? new PackageFile(entry.Path, []) { Fault = $"it has more than {MaxFileBytes} bytes" }
            : Read());
        content.SetLength(0);
        if (content.Capacity > MaxFileBytes / 16) content.Capacity = 0;
        return ValueTask.CompletedTask;
    }

    public void Dispose() => content.Dispose();

    private PackageFile Read()
    {
        content.Position = 0;
        using var text = new StreamReader(content, Encoding.UTF8, leaveOpen: true);
        var list = format!.Read(text).Take(MaxPackages - packages + 1).ToList();
        var isAll = packages + list.Count <= MaxPackages;
        if (!isAll) list.RemoveAt(list.Count - 1);
        packages += list.Count;
        return new PackageFile(entry!.Path, list)
        {
            Fault = isAll ? null : $"the layer lists more than {MaxPackages} packages",
        };
    }
}
