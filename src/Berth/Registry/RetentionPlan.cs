using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>A tag as rules look at it.</summary>
/// <param name="Name">The tag.</param>
/// <param name="Digest">Where it points.</param>
/// <param name="PushedAt">When the image was last pushed, or the tag moved.</param>
/// <param name="PulledAt">When it was last pulled; null: never.</param>
/// <param name="IsPinned">Whether it, or its image, is pinned.</param>
internal sealed record RetainedTag(
    string Name, string Digest, DateTimeOffset PushedAt, DateTimeOffset? PulledAt, bool IsPinned)
{
    public DateTimeOffset UsedAt => PulledAt is { } at && at > PushedAt ? at : PushedAt;
}

/// <summary>What becomes of a tag, and why.</summary>
internal sealed record RetentionDecision(RetainedTag Tag, bool Goes, string Reason);

/// <summary>
/// Which tags of a repository go by its rules: those that at least one rule is about, and that none keeps. What no rule
/// is about stays.
/// </summary>
internal static class RetentionPlan
{
    /// <param name="rules">The rules about the repository.</param>
    /// <param name="tags">All its tags.</param>
    /// <param name="now">The time.</param>
    /// <param name="orphans">The tags that attach something to what is nowhere in the registry; null: none.</param>
    public static List<RetentionDecision> Of(
        IReadOnlyList<TagRule> rules, IReadOnlyList<RetainedTag> tags, DateTimeOffset now,
        IReadOnlySet<string>? orphans = null)
    {
        var kept = new Dictionary<string, string>(StringComparer.Ordinal);
        var lost = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            if (tag.IsPinned) kept[tag.Name] = "it is pinned";
            else if (TagRules.FindImmutable(rules, tag.Name) is { } immutable)
                kept[tag.Name] = $"{immutable.Name} makes it immutable";
        }

        foreach (var rule in rules.Where(rule => rule.Spec is { IsImmutable: false, Keeps: true }))
        {
            var about = tags.Where(tag => rule.IsFor(tag.Name));
            foreach (var group in about.GroupBy(tag => rule.GroupOf(tag.Name), StringComparer.Ordinal))
                Apply(rule, [.. group], now, kept, lost);
        }

        foreach (var rule in rules) ApplyToAttachments(rule, tags, now, orphans, kept, lost);
        return [.. tags.Select(tag => kept.TryGetValue(tag.Name, out var why)
            ? new RetentionDecision(tag, Goes: false, why)
            : lost.TryGetValue(tag.Name, out var reason)
                ? new RetentionDecision(tag, Goes: true, reason)
                : new RetentionDecision(tag, Goes: false, "no rule is about it"))];
    }

    private static void Apply(
        TagRule rule, List<RetainedTag> tags, DateTimeOffset now, Dictionary<string, string> kept,
        Dictionary<string, string> lost)
    {
        var pushed = LastOf(tags, rule.Spec.KeepLastPushed, tag => tag.PushedAt);

        // A push counts as a pull: what nobody could pull yet must not be the first to go.
        var pulled = LastOf(tags, rule.Spec.KeepLastPulled, tag => tag.UsedAt);
        foreach (var tag in tags)
        {
            var why = rule.Spec switch
            {
                { KeepsAlways: true } => $"{rule.Name} keeps it always",
                _ when pushed.Contains(tag.Digest) => $"{rule.Name} keeps the last {rule.Spec.KeepLastPushed} pushed",
                _ when pulled.Contains(tag.Digest) => $"{rule.Name} keeps the last {rule.Spec.KeepLastPulled} pulled",
                { KeepForSeconds: { } seconds } when tag.UsedAt + TimeSpan.FromSeconds(seconds) > now =>
                    $"{rule.Name} keeps what was used in the last {Words(seconds)}",
                _ when rule.KeepsVersion(tag.Name) => $"{rule.Name} keeps {rule.Spec.KeepVersions}",
                _ => null,
            };
            if (why is not null) kept.TryAdd(tag.Name, why);
            else lost.TryAdd(tag.Name, $"{rule.Name} does not keep it; last used {tag.UsedAt:yyyy-MM-dd}");
        }
    }

    /// <summary>What attaches something to what is in the registry never goes by a rule.</summary>
    private static void ApplyToAttachments(
        TagRule rule, IReadOnlyList<RetainedTag> tags, DateTimeOffset now, IReadOnlySet<string>? orphans,
        Dictionary<string, string> kept, Dictionary<string, string> lost)
    {
        foreach (var tag in tags.Where(tag => rule.KeepsOrphan(tag.Name)))
            kept.TryAdd(tag.Name, $"{rule.Name} keeps it always");
        foreach (var tag in tags.Where(tag => rule.IsForOrphan(tag.Name)))
        {
            var seconds = rule.Spec.OrphanedSeconds!.Value;
            if (orphans?.Contains(tag.Name) != true)
            {
                kept.TryAdd(tag.Name, "what it is attached to is in the registry");
            }
            else if (tag.UsedAt + TimeSpan.FromSeconds(seconds) > now)
            {
                kept.TryAdd(tag.Name, $"{rule.Name} keeps what was used in the last {Words(seconds)}");
            }
            else
            {
                lost.TryAdd(
                    tag.Name,
                    $"{rule.Name} does not keep it: what it is attached to is not in the registry; last used "
                    + $"{tag.UsedAt:yyyy-MM-dd}");
            }
        }
    }

    /// <summary>Images count, not tags: two tags of one image are one.</summary>
    private static HashSet<string> LastOf(
        List<RetainedTag> tags, int? count, Func<RetainedTag, DateTimeOffset> timeOf) => count is not { } most
        ? []
        : [.. tags.GroupBy(tag => tag.Digest, StringComparer.Ordinal)
            .OrderByDescending(image => image.Max(timeOf)).ThenBy(image => image.Key, StringComparer.Ordinal)
            .Take(most).Select(image => image.Key)];

    private static string Words(double seconds) => seconds switch
    {
        >= 2 * 86400 => $"{seconds / 86400:0.#} days",
        >= 2 * 3600 => $"{seconds / 3600:0.#} hours",
        _ => $"{seconds:0.#} seconds",
    };
}
