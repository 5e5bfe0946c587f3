using System.Text;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Proofs that a leaf is in a tree, against the tree itself.</summary>
public sealed class MerkleTreeTests
{
    [Fact]
    public void Proofs_of_all_leaves_of_small_trees_lead_to_the_root_and_others_nowhere()
    {
        for (var size = 1; size <= 20; size++)
        {
            var leaves = Enumerable.Range(0, size).Select(one => Encoding.UTF8.GetBytes($"leaf {one}")).ToList();
            var root = LittleLog.RootOf(leaves);
            for (var index = 0; index < size; index++)
            {
                var path = LittleLog.PathOf(leaves, index).ToList();
                Assert.Equal(root, Prove(leaves[index], index, size, path));
                Assert.Null(Prove(leaves[index], index, size, [.. path, root]));
                if (path.Count > 0) Assert.Null(Prove(leaves[index], index, size, path[..^1]));
                Assert.Null(Prove(leaves[index], size, size, path));
            }
        }
    }

    private static byte[]? Prove(byte[] leaf, int index, int size, IReadOnlyList<byte[]> path) =>
        MerkleTree.RootOf(leaf, new InclusionProof(index, size, [], path, ""));
}
