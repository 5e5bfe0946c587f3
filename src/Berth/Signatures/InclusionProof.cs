namespace Berth.Signatures;

/// <summary>The way from a leaf of a Merkle tree to its root (RFC 9162, section 2.1.3).</summary>
/// <param name="LeafIndex">In this tree, which may be one of several that the service has had.</param>
/// <param name="TreeSize">How many leaves the tree has.</param>
/// <param name="RootHash">What should come out.</param>
/// <param name="Hashes">Of the other branches, from the leaf up.</param>
/// <param name="Checkpoint">The note in which the log signs size and root.</param>
internal sealed record InclusionProof(
    long LeafIndex, long TreeSize, byte[] RootHash, IReadOnlyList<byte[]> Hashes, string Checkpoint);
