using Berth.Metadata;
using Berth.Oci;

namespace Berth.Lifecycle;

/// <summary>
/// What holds what in a repository, as it was read at one moment, and so what goes with a tag or a manifest: the same
/// as <see cref="Registry.Removal"/> would remove, and the collector after it.
/// </summary>
internal sealed class RepositoryGraph
{
    private readonly Dictionary<string, string> tags = new(StringComparer.Ordinal);
    private readonly ILookup<string, string> tagsOf;
    private readonly Dictionary<string, string?> subjects = new(StringComparer.Ordinal);
    private readonly ILookup<string, string> referrers;
    private readonly ILookup<string, string> children;
    private readonly ILookup<string, string> parents;

    private RepositoryGraph(
        List<(string Name, string Digest)> tags, List<(string Digest, string? Subject)> manifests,
        List<(string Parent, string Child)> references)
    {
        foreach (var (name, digest) in tags) this.tags[name] = digest;
        tagsOf = tags.ToLookup(tag => tag.Digest, tag => tag.Name, StringComparer.Ordinal);
        foreach (var (digest, subject) in manifests) subjects[digest] = subject;
        referrers = manifests.Where(m => m.Subject is not null)
            .ToLookup(m => m.Subject!, m => m.Digest, StringComparer.Ordinal);
        children = references.ToLookup(r => r.Parent, r => r.Child, StringComparer.Ordinal);
        parents = references.ToLookup(r => r.Child, r => r.Parent, StringComparer.Ordinal);
    }

    /// <summary>All tags, with where they point.</summary>
    public IReadOnlyDictionary<string, string> Tags => tags;

    public IEnumerable<string> Manifests => subjects.Keys;

    public bool HasManifest(string digest) => subjects.ContainsKey(digest);

    public static async ValueTask<RepositoryGraph> ReadAsync(Session session, long repositoryId) => new(
        await GarbageForecast.TagsAsync(session, repositoryId),
        await GarbageForecast.ManifestsAsync(session, repositoryId),
        await GarbageForecast.ChildrenAsync(session, repositoryId));

    /// <summary>What goes with a manifest that is deleted.</summary>
    public HashSet<string> GoingWith(string digest)
    {
        var (going, gone) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        Take(digest, going, gone);
        return going;
    }

    /// <summary>What goes when tags are deleted, once it was without any for long enough.</summary>
    public HashSet<string> GoingWithTags(IEnumerable<string> deleted)
    {
        var going = new HashSet<string>(StringComparer.Ordinal);
        var gone = deleted.ToHashSet(StringComparer.Ordinal);
        foreach (var digest in gone.Select(tag => tags.GetValueOrDefault(tag)).OfType<string>().Distinct().ToList())
        {
            if (!IsHeld(digest, going, gone)) Take(digest, going, gone);
        }

        return going;
    }

    /// <summary>Takes a manifest, and what is there because of it and nothing else holds.</summary>
    private void Take(string first, HashSet<string> going, HashSet<string> goneTags)
    {
        var queue = new Queue<string>([first]);
        while (queue.TryDequeue(out var digest))
        {
            if (digest != first && (!HasManifest(digest) || IsHeld(digest, going, goneTags))) continue;
            if (!going.Add(digest)) continue;
            goneTags.UnionWith(tagsOf[digest]);
            foreach (var tag in AttachmentTag.NamesFor(Digest.Parse(digest)))
            {
                if (!tags.TryGetValue(tag, out var attached)) continue;
                goneTags.Add(tag);
                queue.Enqueue(attached);
            }

            foreach (var dependent in children[digest].Concat(referrers[digest])) queue.Enqueue(dependent);
        }
    }

    private bool IsHeld(string digest, HashSet<string> going, HashSet<string> goneTags) =>
        tagsOf[digest].Any(tag => !goneTags.Contains(tag))
        || parents[digest].Any(parent => parent != digest && HasManifest(parent) && !going.Contains(parent))
        || (subjects.GetValueOrDefault(digest) is { } subject && HasManifest(subject) && !going.Contains(subject));
}
