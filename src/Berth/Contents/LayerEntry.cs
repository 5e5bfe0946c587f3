namespace Berth.Contents;

/// <summary>What an entry of a layer is.</summary>
internal enum EntryKind
{
    File,
    Folder,
    SymbolicLink,
    HardLink,
    CharacterDevice,
    BlockDevice,
    Pipe,

    /// <summary>Something of a lower layer is not there any more (image-spec, layer.md, "Whiteouts").</summary>
    Whiteout,

    /// <summary>Nothing that lower layers have in a folder is there any more ("Opaque Whiteout").</summary>
    OpaqueWhiteout,
}

/// <summary>An entry of a layer.</summary>
/// <param name="Path">Its path without slashes at the ends and without dots; empty for the root. That of a whiteout is
/// the path of what it takes away, or of the folder.</param>
/// <param name="Kind">What it is.</param>
/// <param name="SizeBytes">The length of a file; 0 for everything else.</param>
/// <param name="Number">Which entry of the layer it is, from 0.</param>
internal sealed record LayerEntry(string Path, EntryKind Kind, long SizeBytes, int Number)
{
    /// <summary>The permissions.</summary>
    public int Mode { get; init; }

    /// <summary>The user that owns it.</summary>
    public long Uid { get; init; }

    /// <summary>The group that owns it.</summary>
    public long Gid { get; init; }

    /// <summary>When it was last changed, in seconds since 1970.</summary>
    public long ModifiedAt { get; init; }

    /// <summary>Where a symbolic link leads, as it is written there; the path of what a hard link is to.</summary>
    public string? Link { get; init; }
}

/// <summary>Reads the entries of a layer, one after another, together with others in the same pass.</summary>
internal interface ILayerReader
{
    /// <summary>Whether it wants nothing more. The pass ends when that is so for all.</summary>
    bool IsDone { get; }

    /// <summary>The next entry.</summary>
    /// <returns>Whether the reader wants its content.</returns>
    /// <exception cref="LayerFaultException">The layer is more than the reader can take.</exception>
    ValueTask<bool> BeginAsync(LayerEntry entry, CancellationToken cancellation);

    /// <summary>The next piece of the content of the entry, if it wanted that.</summary>
    ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation);

    /// <summary>The end of the entry.</summary>
    /// <exception cref="LayerFaultException">The layer is more than the reader can take.</exception>
    ValueTask EndAsync(CancellationToken cancellation);
}

/// <summary>What is wrong with a layer: it is damaged, lies about itself, or is beyond a limit.</summary>
internal sealed class LayerFaultException(string fault) : Exception(fault);
