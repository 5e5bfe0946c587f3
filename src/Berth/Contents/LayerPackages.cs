using Berth.Disk;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>
/// Reads the files of a layer that say which packages are installed: some are known by their paths, programs by their
/// first bytes. One file at a time is kept, on disk if it is large.
/// </summary>
internal sealed class LayerPackages(Spools spools, CancellationToken cancellation) : ILayerReader, IDisposable
{
    /// <summary>Of all packages of the layer: some 80,000.</summary>
    private const int MaxChars = 8 << 20;

    private const int MaxFiles = 100_000;

    /// <summary>Deeper and longer paths than any package manager makes.</summary>
    private const int MaxPathChars = 1024;

    private const int MaxPathDepth = 64;

    private const int MaxLinks = 10_000;

    private readonly PackageFindings findings = new(MaxChars, spools, cancellation);

    private readonly Dictionary<string, PackageFile> found = new(StringComparer.Ordinal);
    private readonly Spool content = spools.New();
    private PackageFormat? format;
    private LayerEntry? entry;
    private bool isSought;
    private readonly List<string> linked = [];
    private string? fault;

    /// <summary>Why the file could not be kept; null if it could.</summary>
    private string? lost;

    public bool IsDone => false;

    /// <summary>Null if the layer has no such file.</summary>
    public byte[]? Finish()
    {
        // What a hard link is to is read under its own name, if that says what it is.
        if (linked.Exists(target => !found.ContainsKey(target)))
            fault ??= "descriptions of packages that are hard links to other files are not read";
        return found.Count == 0 && fault is null ? null : new PackageList([.. found.Values], fault).Write();
    }

    public ValueTask<bool> BeginAsync(LayerEntry begun, CancellationToken cancellation)
    {
        entry = begun;
        content.Clear();
        (format, isSought, lost) = (null, false, null);
        var isFit = begun.Path.Length <= MaxPathChars && begun.Path.AsSpan().Count('/') <= MaxPathDepth;
        if (begun.Kind == EntryKind.HardLink && linked.Count < MaxLinks && PackageFormat.Find(begun.Path) is not null)
            linked.Add(begun.Link!);
        if (begun.Kind != EntryKind.File || !isFit) return ValueTask.FromResult(false);
        format = PackageFormat.Find(begun.Path);
        isSought = format is null && begun.SizeBytes > PackageFormat.MagicBytes;
        return ValueTask.FromResult(isSought || (format is not null && begun.SizeBytes <= format.MaxBytes));
    }

    public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        if (!isSought && (format is null || entry!.SizeBytes > format.MaxBytes)) return ValueTask.CompletedTask;
        if (lost is not null) return ValueTask.CompletedTask;
        try
        {
            content.Write(piece.Span);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The list of the layer's files does not depend on it.
            content.Clear();
            lost = $"it can't be kept while it is read: {e.Message}";
            return ValueTask.CompletedTask;
        }

        if (isSought && content.Length >= PackageFormat.MagicBytes) Recognize();
        return ValueTask.CompletedTask;
    }

    public ValueTask EndAsync(CancellationToken cancellation)
    {
        // An entry replaces an earlier one of the layer, whatever it is.
        found.Remove(entry!.Path);
        if (format is null) return ValueTask.CompletedTask;
        if (findings.IsFull) fault = "the layer lists too many packages";
        else if (found.Count >= MaxFiles) fault = $"more than {MaxFiles} files say what is installed";
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
        if (lost is not null) return lost;
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
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A fault of ours, or a full disk: no file may keep the rest of its layer from being read.
            return $"it can't be read ({e.GetType().Name})";
        }
    }
}
