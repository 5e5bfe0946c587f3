using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// Refuses uploads that can't fit into a quota before their bytes are received, by what this process knows: each upload
/// holds room for what it has received, or said that it will send, until it ends. Other nodes' uploads are not known
/// here, so the transaction that links a blob has the last word.
/// </summary>
internal sealed class UploadQuotas(Database database, Quotas quotas, TimeProvider clock)
{
    /// <summary>An upload of unknown length asks for so much more at once.</summary>
    private const long StepBytes = 8 << 20;

    /// <summary>An upload that was idle for so long holds nothing any more: perhaps it goes on at another node.
    /// </summary>
    private static readonly TimeSpan Lapse = TimeSpan.FromHours(1);

    private readonly Lock changing = new();
    private readonly Dictionary<UploadId, Hold> holds = [];
    private readonly Dictionary<string, long> held = new(StringComparer.Ordinal);

    /// <summary>Refuses to begin an upload where there is no room for a single byte.</summary>
    /// <exception cref="QuotaExceededException">There is none.</exception>
    public async ValueTask CheckStartAsync(RepositoryName repository, CancellationToken cancellation)
    {
        foreach (var quota in await quotas.OfAsync(repository, cancellation))
        {
            if (quota.MaxBytes is not { } most) continue;
            var used = await UsedAsync(quota, cancellation);
            lock (changing) DropLapsed(quota.Scope);
            var others = HeldIn(quota.Scope);
            if (used + others >= most) throw await quotas.RefuseAsync(quota, used, others, 0, cancellation);
        }
    }

    /// <summary>Begins a request that writes to an upload.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="id">The upload.</param>
    /// <param name="length">What it will have after the request, in bytes; null if that is not known.</param>
    /// <param name="becomes">The blob that it is to become, if that is known.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>To be called before it grows to a length, in bytes; null if it may have any.</returns>
    /// <exception cref="QuotaExceededException">It will be too large.</exception>
    public async ValueTask<Func<long, ValueTask>?> BeginAsync(
        RepositoryName repository, UploadId id, long? length, Digest? becomes, CancellationToken cancellation)
    {
        var limits = (await quotas.OfAsync(repository, cancellation)).Where(quota => quota.MaxBytes is not null);
        var needed = new List<QuotaRow>();
        foreach (var quota in limits)
        {
            // What is there already costs nothing.
            if (becomes is { } digest && await database.ReadAsync(
                session => QuotaTable.HasBlobAsync(session, quota, digest.Text), cancellation))
            {
                continue;
            }

            needed.Add(quota);
        }

        if (needed.Count == 0) return null;
        if (length is { } announced) await GrowAsync(id, needed, announced, announced, cancellation);
        return grown => grown <= RoomOf(id)
            ? ValueTask.CompletedTask : GrowAsync(id, needed, grown, grown + StepBytes, cancellation);
    }

    /// <summary>An upload ended its request with so many bytes, and goes on later.</summary>
    public void Keep(UploadId id, long bytes)
    {
        lock (changing)
        {
            if (holds.TryGetValue(id, out var hold)) Change(id, hold with { Bytes = bytes, At = clock.GetTimestamp() });
        }
    }

    /// <summary>An upload is over.</summary>
    public void Release(UploadId id)
    {
        lock (changing) Change(id, null);
    }

    private long RoomOf(UploadId id)
    {
        lock (changing) return holds.GetValueOrDefault(id)?.Bytes ?? 0;
    }

    private long HeldIn(string scope)
    {
        lock (changing) return held.GetValueOrDefault(scope);
    }

    private ValueTask<long> UsedAsync(QuotaRow quota, CancellationToken cancellation) =>
        database.ReadAsync(session => QuotaTable.UsedAsync(session, quota), cancellation);

    /// <param name="id">The upload.</param>
    /// <param name="limits">What it counts against.</param>
    /// <param name="least">What it must have.</param>
    /// <param name="wanted">What it gets if there is room.</param>
    /// <param name="cancellation">Gives up.</param>
    private async ValueTask GrowAsync(
        UploadId id, List<QuotaRow> limits, long least, long wanted, CancellationToken cancellation)
    {
        var used = new List<long>();
        foreach (var quota in limits) used.Add(await UsedAsync(quota, cancellation));
        (QuotaRow Quota, long Used, long Others)? refused = null;
        lock (changing)
        {
            for (var i = 0; i < limits.Count && refused is null; i++)
            {
                var room = limits[i].MaxBytes!.Value - used[i] - OthersIn(limits[i].Scope, id);
                if (room < least)
                {
                    DropLapsed(limits[i].Scope);
                    room = limits[i].MaxBytes!.Value - used[i] - OthersIn(limits[i].Scope, id);
                }

                if (room < least) refused = (limits[i], used[i], OthersIn(limits[i].Scope, id));
                wanted = Math.Min(wanted, room);
            }

            if (refused is null)
                Change(id, new Hold([.. limits.Select(quota => quota.Scope)], wanted, clock.GetTimestamp()));
        }

        if (refused is var (over, now, others))
            throw await quotas.RefuseAsync(over, now, others, least, cancellation);
    }

    private long OthersIn(string scope, UploadId id) => held.GetValueOrDefault(scope)
        - (holds.TryGetValue(id, out var own) && own.Scopes.Contains(scope) ? own.Bytes : 0);

    private void DropLapsed(string scope)
    {
        foreach (var (id, hold) in holds.ToList())
        {
            if (hold.Scopes.Contains(scope) && clock.GetElapsedTime(hold.At) > Lapse) Change(id, null);
        }
    }

    private void Change(UploadId id, Hold? now)
    {
        if (holds.Remove(id, out var before)) Add(before, -1);
        if (now is null) return;
        holds.Add(id, now);
        Add(now, 1);
    }

    private void Add(Hold hold, int sign)
    {
        foreach (var scope in hold.Scopes)
        {
            var bytes = held.GetValueOrDefault(scope) + (sign * hold.Bytes);
            if (bytes == 0) held.Remove(scope);
            else held[scope] = bytes;
        }
    }

    /// <param name="Scopes">What it counts against.</param>
    /// <param name="Bytes">How many bytes it holds.</param>
    /// <param name="At">When it was last changed, as a timestamp of the clock.</param>
    private sealed record Hold(IReadOnlyList<string> Scopes, long Bytes, long At);
}
