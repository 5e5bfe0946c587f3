namespace Berth.Contents;

/// <summary>The beginning of a file of a layer.</summary>
internal sealed record LayerText(string Path, byte[] Content, bool IsWhole);

/// <summary>Takes the beginnings of some small files of a layer.</summary>
/// <param name="isWanted">Which, by their paths.</param>
/// <param name="maxBytes">So much of each.</param>
internal sealed class LayerTexts(Func<string, bool> isWanted, int maxBytes) : ILayerReader
{
    /// <summary>A layer may have the same path many times.</summary>
    private const int MaxFiles = 16;

    private MemoryStream? current;
    private LayerEntry? entry;

    public List<LayerText> Found { get; } = [];

    public bool IsDone => Found.Count == MaxFiles;

    public ValueTask<bool> BeginAsync(LayerEntry begun, CancellationToken cancellation)
    {
        var isTaken = begun.Kind == EntryKind.File && isWanted(begun.Path);
        (current, entry) = isTaken ? (new MemoryStream(), begun) : (null, null);
        return ValueTask.FromResult(isTaken);
    }

    public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        current!.Write(piece.Span[..(int)Math.Min(piece.Length, maxBytes - current.Length)]);
        return ValueTask.CompletedTask;
    }

    public ValueTask EndAsync(CancellationToken cancellation)
    {
        if (current is null) return ValueTask.CompletedTask;
        Found.RemoveAll(one => one.Path == entry!.Path);
        Found.Add(new LayerText(entry!.Path, current.ToArray(), current.Length == entry.SizeBytes));
        current = null;
        return ValueTask.CompletedTask;
    }
}
