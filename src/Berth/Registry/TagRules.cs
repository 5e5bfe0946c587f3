using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// The rules on tags, remembered for as long as <see cref="AccessVersion"/> stays the same: a change is known on all
/// nodes a second later.
/// </summary>
internal sealed class TagRules(Database database, AccessVersion version) : IDisposable
{
    private readonly SemaphoreSlim reading = new(1, 1);
    private volatile Reading? last;

    /// <summary>The rules about a repository.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public async ValueTask<IReadOnlyList<TagRule>> OfAsync(RepositoryName repository, CancellationToken cancellation)
    {
        var number = await version.CurrentAsync(cancellation);
        var known = last;
        if (known?.Version != number) known = await ReadAsync(cancellation);
        return known.Rules.Count == 0 ? known.Rules : known.Rules.FindAll(rule => rule.IsFor(repository));
    }

    public void Dispose() => reading.Dispose();

    /// <summary>Reads them once, however many wait. Those that did not change stay as they were made.</summary>
    private async ValueTask<Reading> ReadAsync(CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            var number = await version.CurrentAsync(cancellation);
            var known = last;
            if (known?.Version == number) return known;
            var made = known?.Rules.ToDictionary(rule => (rule.Row.Id, rule.Row.Version)) ?? [];
            var rows = await database.ReadAsync(TagRuleTable.AllAsync, cancellation);
            var rules = rows.Select(row =>
                made.TryGetValue((row.Id, row.Version), out var same) ? same : TagRule.TryRead(row, out _));
            return last = new Reading(number, [.. rules.OfType<TagRule>()]);
        }
        finally
        {
            reading.Release();
        }
    }

    /// <summary>The rule that keeps a tag where it is; null if none does.</summary>
    public static TagRule? FindImmutable(IReadOnlyList<TagRule> rules, string tag)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i].Spec.IsImmutable && rules[i].IsFor(tag)) return rules[i];
        }

        return null;
    }

    private sealed record Reading(long Version, List<TagRule> Rules);
}
