using Berth.Access;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// The keyless rules in the database, remembered for as long as <see cref="AccessVersion"/> stays the same: a change is
/// known on all nodes a second later.
/// </summary>
internal sealed class StoredKeylessRules(Database database, AccessVersion version) : IDisposable
{
    private readonly SemaphoreSlim reading = new(1, 1);
    private volatile Reading? last;

    /// <summary>Hands over the rules if they may have changed since the last time.</summary>
    /// <param name="take">Gets all of them. Never runs twice at once, nor with older rules than before.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public ValueTask RefreshAsync(Action<IReadOnlyList<KeylessRuleRow>> take, CancellationToken cancellation) =>
        version.TryGet(out var number) && last?.Version == number
            ? ValueTask.CompletedTask
            : ReadAsync(take, cancellation);

    public void Dispose() => reading.Dispose();

    private async ValueTask ReadAsync(Action<IReadOnlyList<KeylessRuleRow>> take, CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            var number = await version.CurrentAsync(cancellation);
            var known = last;
            if (known?.Version == number) return;
            var rows = await database.ReadAsync(KeylessRuleTable.AllAsync, cancellation);

            // Most changes are to something else, and what was made of the rules stays good.
            if (known is null || !known.Rows.SequenceEqual(rows)) take(rows);
            last = new Reading(number, rows);
        }
        finally
        {
            reading.Release();
        }
    }

    private sealed record Reading(long Version, IReadOnlyList<KeylessRuleRow> Rows);
}
