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
internal sealed class KnownPolicies(Database database, AccessVersion version) : IDisposable
{
    private readonly SemaphoreSlim reading = new(1, 1);
    private volatile Reading? last;

    /// <summary>Which state of them counts now, and whether there are any at all.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public async ValueTask<(long Version, bool IsAny)> CurrentAsync(CancellationToken cancellation)
    {
        var number = await version.CurrentAsync(cancellation);
        var known = last;
        if (known?.Version != number) known = await ReadAsync(cancellation);
        return (known.Version, known.Policies.Count > 0);
    }

    /// <summary>Those about a repository.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public async ValueTask<RepositoryPolicies> OfAsync(RepositoryName repository, CancellationToken cancellation)
    {
        var number = await version.CurrentAsync(cancellation);
        var known = last;
        if (known?.Version != number) known = await ReadAsync(cancellation);
        return new RepositoryPolicies(
            known.Version, known.Policies.FindAll(one => one.IsFor(repository)), known.WaiversOf(repository));
    }

    public void Dispose() => reading.Dispose();

    private async ValueTask<Reading> ReadAsync(CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            var number = await version.CurrentAsync(cancellation);
            if (last is { } known && known.Version == number) return known;
            var (policies, waivers) = await database.ReadAsync(
                async session => (await PolicyTable.AllAsync(session), await WaiverTable.AllAsync(session)),
                cancellation);
            return last = new Reading(
                number, [.. policies.Select(row => Policy.TryRead(row, out _)).OfType<Policy>()],
                [.. waivers.Select(row => (NamePattern.TryParse(row.Names, out var names) ? names : null, row))]);
        }
        finally
        {
            reading.Release();
        }
    }

    private sealed record Reading(
        long Version, List<Policy> Policies, List<(NamePattern? Names, WaiverRow Row)> Waivers)
    {
        public IReadOnlyList<WaiverRow> WaiversOf(RepositoryName repository) =>
        [
            .. Waivers.Where(one => one.Names?.Matches(repository.Text) == true).Select(one => one.Row),
        ];
    }
}
