namespace Berth.Signatures;

/// <summary>What a bundle says about the entry for it in a transparency log (sigstore_rekor.proto).</summary>
internal sealed record LogEntry
{
    /// <summary>Which log.</summary>
    public required byte[] LogId { get; init; }

    /// <summary>Its place among all entries that the service ever had.</summary>
    public required long Index { get; init; }

    /// <summary>What was logged, as JSON.</summary>
    public required byte[] Body { get; init; }

    /// <summary>When, in seconds since 1970; 0 in logs of Rekor 2, which do not say.</summary>
    public long IntegratedTime { get; init; }

    /// <summary>The log's signature that promises to include it, with the time (SET).</summary>
    public byte[]? Promise { get; init; }

    /// <summary>That it is included.</summary>
    public InclusionProof? Proof { get; init; }

    /// <summary>The kind of body and its version, if they are said besides.</summary>
    public (string Kind, string Version)? Type { get; init; }
}
