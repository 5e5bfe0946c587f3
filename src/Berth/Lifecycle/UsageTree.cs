using Berth.Metadata;
using Berth.Oci;

namespace Berth.Lifecycle;

/// <summary>What a repository, a namespace or the registry keeps. Each blob counts once.</summary>
/// <param name="name">The repository or the namespace; empty for the registry.</param>
internal sealed class UsageNode(string name)
{
    public string Name => name;

    /// <summary>The length of all its blobs, in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Of those, what nothing outside of it has.</summary>
    public long OwnBytes { get; private set; }

    /// <summary>Of those, what only the trash needs.</summary>
    public long TrashBytes { get; private set; }

    public long Blobs { get; private set; }

    public long Manifests { get; private set; }

    public long Tags { get; private set; }

    /// <summary>The namespaces of the registry, or the repositories of a namespace.</summary>
    public List<UsageNode> Parts { get; } = [];

    public bool IsEmpty => Blobs == 0 && Manifests == 0 && Tags == 0;

    public void AddBlob(long sizeBytes, bool isOwn, bool isInTrash)
    {
        Blobs++;
        Bytes += sizeBytes;
        if (isOwn) OwnBytes += sizeBytes;
        if (isInTrash) TrashBytes += sizeBytes;
    }

    public void AddCounts(long tags, long manifests)
    {
        Tags += tags;
        Manifests += manifests;
    }
}

/// <summary>
/// What each namespace and repository keeps, alone and with others: one pass over the links of all blobs in the order
/// of their digests, so that all holders of a blob come together.
/// </summary>
internal sealed class UsageTree(Database database)
{
    /// <summary>The tree of some repositories. Only what these have is counted; but others may have it too.</summary>
    public ValueTask<UsageNode> ReadAsync(UsageScope scope, CancellationToken cancellation) => database.ReadAsync(
        async session =>
        {
            var pass = new Pass(
                await UsageTable.RepositoriesAsync(session, scope),
                await UsageTable.OnlyInTrashAsync(session, scope));
            await UsageTable.EachLinkAsync(session, scope, row =>
                pass.Add(row.GetInt64(0), row.GetString(1), row.GetInt64(2)));
            return pass.End();
        },
        cancellation);

    private sealed class Pass
    {
        private readonly UsageNode root = new("");
        private readonly Dictionary<string, UsageNode> spaces = new(StringComparer.Ordinal);
        private readonly Dictionary<long, (UsageNode Repository, UsageNode Space)> known = [];
        private readonly HashSet<(long, string)> trashed;
        private readonly List<(long Repository, bool IsInTrash)> holders = [];
        private readonly Dictionary<UsageNode, (int Links, int InTrash)> counts = [];
        private string digest = "";
        private long sizeBytes;

        public Pass(List<CountedRepository> repositories, HashSet<(long, string)> trashed)
        {
            this.trashed = trashed;
            foreach (var row in repositories)
            {
                var name = RepositoryName.Parse(row.Name).Namespace;
                if (!spaces.TryGetValue(name, out var space)) spaces.Add(name, space = new UsageNode(name));
                var node = new UsageNode(row.Name);
                foreach (var one in new[] { node, space, root }) one.AddCounts(row.Tags, row.Manifests);
                known.Add(row.Id, (node, space));
                space.Parts.Add(node);
            }
        }

        public void Add(long repository, string of, long size)
        {
            if (of != digest) Count();
            (digest, sizeBytes) = (of, Math.Max(sizeBytes, size));
            holders.Add((repository, trashed.Count > 0 && trashed.Contains((repository, of))));
        }

        public UsageNode End()
        {
            Count();
            foreach (var space in spaces.Values)
            {
                space.Parts.RemoveAll(node => node.IsEmpty);
                space.Parts.Sort(Larger);
                if (!space.IsEmpty) root.Parts.Add(space);
            }

            root.Parts.Sort(Larger);
            return root;
        }

        /// <summary>Counts a blob, all of whose holders have come.</summary>
        private void Count()
        {
            if (holders.Count == 0) return;
            var (isAllInTrash, isAnyKnown) = (true, false);
            foreach (var (id, isInTrash) in holders)
            {
                // One outside of what is asked for, or that was made since, only makes the blob a shared one.
                if (!known.TryGetValue(id, out var nodes)) continue;
                isAnyKnown = true;
                isAllInTrash &= isInTrash;
                nodes.Repository.AddBlob(sizeBytes, isOwn: holders.Count == 1, isInTrash);
                var count = counts.GetValueOrDefault(nodes.Space);
                counts[nodes.Space] = (count.Links + 1, count.InTrash + (isInTrash ? 1 : 0));
            }

            foreach (var (space, count) in counts)
                space.AddBlob(sizeBytes, count.Links == holders.Count, count.Links == count.InTrash);
            if (isAnyKnown) root.AddBlob(sizeBytes, isOwn: true, isAllInTrash);
            counts.Clear();
            holders.Clear();
            sizeBytes = 0;
        }

        private static int Larger(UsageNode one, UsageNode other) => one.Bytes == other.Bytes
            ? string.CompareOrdinal(one.Name, other.Name) : other.Bytes.CompareTo(one.Bytes);
    }
}
