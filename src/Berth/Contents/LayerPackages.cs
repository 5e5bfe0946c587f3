using System.Text;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>Reads the files of a layer that list packages, so far as they are of a size that such files have.</summary>
internal sealed class LayerPackages : ILayerReader, IDisposable
{
    /// <summary>A thousand packages take a megabyte at most.</summary>
    private const int MaxFileBytes = 8 << 20;

    private const int MaxFiles = 10_000;

    /// <summary>Of all packages of the layer: some 50,000.</summary>
    private const int MaxChars = 4 << 20;

    private readonly List<PackageFile> found = [];
    private readonly MemoryStream content = new();
    private int chars;
    private PackageFormat? format;
    private LayerEntry? entry;

    public bool IsDone => false;

    /// <summary>Null if the layer has no such file.</summary>
    public byte[]? Finish() => found.Count == 0 ? null : PackageList.Write(found);

    public ValueTask<bool> BeginAsync(LayerEntry begun, CancellationToken cancellation)
    {
        entry = begun;
        format = begun.Kind == EntryKind.File && found.Count <= MaxFiles ? PackageFormat.Find(begun.Path) : null;
        return ValueTask.FromResult(
            format is not null && begun.SizeBytes <= MaxFileBytes && found.Count < MaxFiles && chars < MaxChars);
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
        if (entry!.SizeBytes > MaxFileBytes) Add([], $"it has more than {MaxFileBytes} bytes");
        else if (found.Count >= MaxFiles) Add([], $"the layer has more than {MaxFiles} such files");
        else Read(cancellation);
        content.SetLength(0);
        if (content.Capacity > MaxFileBytes / 8) content.Capacity = 0;
        return ValueTask.CompletedTask;
    }

    public void Dispose() => content.Dispose();

    private void Read(CancellationToken cancellation)
    {
        content.Position = 0;
        using var text = new StreamReader(content, Encoding.UTF8, leaveOpen: true);
        var list = new List<Package>();
        foreach (var package in format!.Read(text))
        {
            cancellation.ThrowIfCancellationRequested();
            if (chars >= MaxChars) break;
            chars += package.Chars;
            list.Add(package);
        }

        Add(list, chars >= MaxChars ? "the layer lists too many packages" : null);
    }

    private void Add(List<Package> list, string? fault) =>
        found.Add(new PackageFile(entry!.Path, list) { Fault = fault });
}
