using System.Security.Cryptography;

namespace Berth.Signatures;

/// <summary>The tree of a transparency log (RFC 9162, section 2.1).</summary>
internal static class MerkleTree
{
    /// <summary>The root that a proof leads to (section 2.1.3.2).</summary>
    /// <returns>Null if the proof has too few or too many hashes.</returns>
    public static byte[]? RootOf(ReadOnlySpan<byte> entry, InclusionProof proof)
    {
        if (proof.LeafIndex >= proof.TreeSize) return null;
        var (node, last) = (proof.LeafIndex, proof.TreeSize - 1);
        var hash = HashOf([0], entry, []);
        foreach (var sibling in proof.Hashes)
        {
            if (last == 0) return null;
            if ((node & 1) == 1 || node == last)
            {
                hash = HashOf([1], sibling, hash);
                while ((node & 1) == 0 && node != 0) (node, last) = (node >> 1, last >> 1);
            }
            else
            {
                hash = HashOf([1], hash, sibling);
            }

            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 ? hash : null;
    }

    private static byte[] HashOf(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefix);
        hash.AppendData(left);
        hash.AppendData(right);
        return hash.GetHashAndReset();
    }
}
