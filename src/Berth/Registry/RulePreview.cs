using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>What a rule on tags is about now.</summary>
/// <param name="Repositories">How many repositories.</param>
/// <param name="Tags">How many tags in them.</param>
internal sealed record RuleMatches(long Repositories, long Tags)
{
    /// <summary>Whether there may be more, since the count stopped at its limit.</summary>
    public bool IsMore { get; init; }
}

/// <summary>What would go if a rule counted.</summary>
/// <param name="Matches">What the rule is about.</param>
/// <param name="Tags">How many tags would go.</param>
/// <param name="Untagged">How many manifests without tags would go.</param>
/// <param name="Going">The first of them, by repository.</param>
internal sealed record PreviewedRule(
    RuleMatches Matches, long Tags, long Untagged, IReadOnlyList<(string Repository, RetentionPreview Plan)> Going);

/// <summary>Looks at what a rule on tags does before it counts.</summary>
internal sealed class RulePreview(
    Database database, RepositoryTable repositories, Retention retention, TagRules rules)
{
    /// <summary>The most tags that are read to count those of a rule: some ten queries.</summary>
    public const int MaxTagsRead = 10_000;

    /// <summary>The most repositories that are counted, each of which takes a query.</summary>
    public const int MaxRepositories = 1000;

    private const int TagsPerPage = 1000;

    /// <summary>What a rule is about now, so far as a request has time to find out.</summary>
    public async Task<RuleMatches> CountAsync(TagRule rule, CancellationToken cancellation)
    {
        var (count, tags, read) = (0L, 0L, 0L);
        await foreach (var name in repositories.MatchingAsync(rule.Names, cancellation))
        {
            if (count == MaxRepositories) return new RuleMatches(count, tags) { IsMore = true };
            count++;
            for (var last = ""; ;)
            {
                var names = await database.ReadAsync(
                    async session => await RepositoryTable.FindAsync(session, name) is { } id
                        ? await TagTable.ListAsync(session, id, last, TagsPerPage, skip: 0) : [],
                    cancellation);
                tags += names.Count(rule.Matches);
                read += names.Count;
                if (read >= MaxTagsRead) return new RuleMatches(count, tags) { IsMore = true };
                if (names.Count < TagsPerPage) break;
                last = names[^1];
            }
        }

        return new RuleMatches(count, tags);
    }

    /// <param name="rule">The rule, as it would be.</param>
    /// <param name="replaced">The rule whose place it takes; null: none.</param>
    /// <param name="most">The most tags and manifests that are named.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<PreviewedRule> PlanAsync(
        TagRule rule, TagRule? replaced, int most, CancellationToken cancellation)
    {
        var (count, matched, tags, untagged) = (0L, 0L, 0L, 0L);
        var going = new List<(string, RetentionPreview)>();
        await foreach (var name in repositories.MatchingAsync(rule.Names, cancellation))
        {
            count++;
            await AddAsync(name, isMatch: true);
        }

        // What the former rule keeps elsewhere may go then.
        if (replaced is not null)
        {
            await foreach (var name in repositories.MatchingAsync(replaced.Names, cancellation))
            {
                if (!rule.IsFor(name)) await AddAsync(name, isMatch: false);
            }
        }

        return new PreviewedRule(new RuleMatches(count, matched), tags, untagged, going);

        async Task AddAsync(RepositoryName name, bool isMatch)
        {
            var others = (await rules.OfAsync(name, cancellation)).Where(one => one.Row.Id != replaced?.Row.Id);
            var plan = await retention.PlanAsync(name, isMatch ? [.. others, rule] : [.. others], cancellation);
            if (isMatch) matched += plan.Tags.Count(one => rule.Matches(one.Tag.Name));
            List<RetentionDecision> leaving = [.. plan.Tags.Where(one => one.Goes)];
            tags += leaving.Count;
            untagged += plan.Untagged.Count;
            var named = new RetentionPreview([.. leaving.Take(most)], [.. plan.Untagged.Take(most - leaving.Count)]);
            if (named.Tags.Count + named.Untagged.Count == 0) return;
            most -= named.Tags.Count + named.Untagged.Count;
            going.Add((name.Text, named));
        }
    }
}
