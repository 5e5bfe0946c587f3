using Berth.Metadata;
using Berth.Oci;

namespace Berth.Policies;

/// <summary>The policies about a repository, and the vulnerabilities there that they pass over.</summary>
/// <param name="Version">Which state of them this is.</param>
internal sealed record RepositoryPolicies(
    long Version, IReadOnlyList<Policy> Policies, IReadOnlyList<WaiverRow> Waivers)
{
    public RepositoryPolicies On(string moment) =>
        this with { Policies = [.. Policies.Where(one => one.IsOn(moment))] };
}

/// <summary>
/// The policies and waivers, remembered for as long as <see cref="AccessVersion"/> stays the same: a change is known on
/// all nodes a second later.
/// </summary>
internal sealed partial class KnownPolicies(
    Database database, AccessVersion version, ILogger<KnownPolicies> log) : IDisposable
{
    private readonly SemaphoreSlim reading = new(1, 1);
    private volatile Reading? last;

    /// <summary>Which state of them counts now, and whether there are any at all.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public async ValueTask<(long Version, bool IsAny)> CurrentAsync(CancellationToken cancellation)
    {
        var known = await FindAsync(cancellation);
        return (known.State, known.Policies.Count > 0);
    }

    /// <summary>Those about a repository.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public async ValueTask<RepositoryPolicies> OfAsync(RepositoryName repository, CancellationToken cancellation)
    {
        var known = await FindAsync(cancellation);
        return new RepositoryPolicies(
            known.State, known.Policies.FindAll(one => one.IsFor(repository)), known.WaiversOf(repository));
    }

    public void Dispose() => reading.Dispose();

    private async ValueTask<Reading> FindAsync(CancellationToken cancellation)
    {
        var number = await version.CurrentAsync(cancellation);
        return last is { } known && known.Version == number ? known : await ReadAsync(cancellation);
    }

    private async ValueTask<Reading> ReadAsync(CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            var number = await version.CurrentAsync(cancellation);
            var before = last;
            if (before?.Version == number) return before;
            var (policies, waivers) = await database.ReadAsync(
                async session => (await PolicyTable.AllAsync(session), await WaiverTable.AllAsync(session)),
                cancellation);

            // The version grows with each change of accounts too, which is no reason to judge all images again.
            if (before is not null && before.IsOf(policies, waivers)) return last = before with { Version = number };
            return last = new Reading(
                number, number, policies, [.. policies.Select(Read).OfType<Policy>()],
                [.. waivers.Select(row => (NamePattern.TryParse(row.Names, out var names) ? names : null, row))]);
        }
        finally
        {
            reading.Release();
        }
    }

    private Policy? Read(PolicyRow row)
    {
        var policy = Policy.TryRead(row, out var fault);
        if (policy is null) LogUnusable(row.Id, fault);
        return policy;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Policy {Id} can't be used any more, and does not count: {Fault}")]
    private partial void LogUnusable(long id, string fault);

    /// <param name="Version">Of all that depends on who may do what.</param>
    /// <param name="State">The version in which policies and waivers last changed.</param>
    /// <param name="Rows">The policies as the table has them.</param>
    /// <param name="Policies">The policies.</param>
    /// <param name="Waivers">The waivers.</param>
    private sealed record Reading(
        long Version, long State, List<PolicyRow> Rows, List<Policy> Policies,
        List<(NamePattern? Names, WaiverRow Row)> Waivers)
    {
        /// <summary>Waivers are never changed, only added and removed.</summary>
        public bool IsOf(List<PolicyRow> policies, List<WaiverRow> waivers) =>
            Rows.Select(row => (row.Id, row.Version)).SequenceEqual(policies.Select(row => (row.Id, row.Version)))
            && Waivers.Select(one => one.Row.Id).SequenceEqual(waivers.Select(row => row.Id));

        public IReadOnlyList<WaiverRow> WaiversOf(RepositoryName repository) =>
        [
            .. Waivers.Where(one => one.Names?.Matches(repository.Text) == true).Select(one => one.Row),
        ];
    }
}
