using Berth.Disk;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>
/// Reads the files of a layer that say which packages are installed: some are known by their paths, programs by their
/// first bytes. One file at a time is kept, on disk if it is large.
/// </summary>
internal sealed class LayerPackages(Spools spools, CancellationToken cancellation) : ILayerReader, IDisposable
{
    /// <summary>Of all packages of the layer: some 100,000.</summary>
    private const int MaxChars = 8 << 20;

    private const int MaxFiles = 100_000;

    private readonly PackageFindings findings = new(MaxChars, spools, cancellation);

    private readonly Dictionary<string, PackageFile> found = new(StringComparer.Ordinal);
    private readonly Spool content = spools.New();
    private PackageFormat? format;
    private LayerEntry? entry;
    private bool isSought;
    private string? fault;

    public bool IsDone => false;

    /// <summary>Null if the layer has no such file.</summary>
    public byte[]? Finish() => found.Count == 0 && fault is null ? null
        : new PackageList([.. found.Values], fault).Write();

    public ValueTask<bool> BeginAsync(LayerEntry begun, CancellationToken cancellation)
    {
        entry = begun;
        content.Clear();
        format = begun.Kind == EntryKind.File ? PackageFormat.Find(begun.Path) : null;
        isSought = begun.Kind == EntryKind.File && format is null && begun.SizeBytes > PackageFormat.MagicBytes;
        return ValueTask.FromResult(isSought || (format is not null && begun.SizeBytes <= format.MaxBytes));
    }

    public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        if (!isSought && (format is null || entry!.SizeBytes > format.MaxBytes)) return ValueTask.CompletedTask;
        content.Write(piece.Span);
        if (isSought && content.Length >= PackageFormat.MagicBytes) Recognize();
        return ValueTask.CompletedTask;
    }

    public ValueTask EndAsync(CancellationToken cancellation)
    {
        // An entry replaces an earlier one of the layer, whatever it is.
        found.Remove(entry!.Path);
        if (format is null) return ValueTask.CompletedTask;
        if (found.Count >= MaxFiles) fault = $"the layer has more than {MaxFiles} files that say what is installed";
        else if (findings.Take(entry.Path, ReadFile()) is { } file) found.Add(entry.Path, file);
        return ValueTask.CompletedTask;
    }

    public void Dispose() => content.Dispose();

    /// <summary>Whether a file that no path tells is a program.</summary>
    private void Recognize()
    {
        Span<byte> beginning = stackalloc byte[PackageFormat.MagicBytes];
        content.Content.Position = 0;
        content.Content.ReadExactly(beginning);
        content.Content.Position = content.Length;
        isSought = false;
        format = PackageFormat.FindByContent(beginning);
        if (format is null || entry!.SizeBytes > format.MaxBytes) content.Clear();
    }

    private string? ReadFile()
    {
        if (entry!.SizeBytes > format!.MaxBytes) return $"it has more than {format.MaxBytes} bytes";
        try
        {
            content.Content.Position = 0;
            format.Read(content.Content, entry.Path, findings);
            return null;
        }
        catch (PackageFaultException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            return "it is damaged";
        }
    }
}
