using System.Net;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Limits how many uploads are written at once: per client address, per account, and in total. If all places are taken,
/// the client with the most gives up its slowest to one with fewer. So a client with a thousand slow uploads keeps
/// nobody else from pushing.
/// </summary>
internal sealed class UploadPlaces(LimitSettings limits, TimeProvider clock)
{
    /// <summary>An upload that has just begun has no meaningful rate yet.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly Lock changing = new();
    private readonly HashSet<UploadPlace> taken = [];
    private readonly Dictionary<IPAddress, int> clients = [];
    private readonly Dictionary<string, int> accounts = new(StringComparer.Ordinal);

    /// <summary>A place, released by Dispose; null if this client has to wait.</summary>
    /// <param name="address">Where the request comes from.</param>
    /// <param name="account">Whose it is; null for anonymous clients.</param>
    /// <param name="refusal">Which limit was reached, if there is no place.</param>
    public UploadPlace? TryTake(IPAddress? address, string? account, out string refusal)
    {
        refusal = "";
        var place = new UploadPlace(this, ClientNetwork.Of(address), account, clock.GetTimestamp());
        lock (changing)
        {
            if (account is not null && accounts.GetValueOrDefault(account) >= limits.UploadsPerAccount)
            {
                refusal = $"this account already writes {limits.UploadsPerAccount} uploads (limits.uploadsperaccount)";
            }
            else if (clients.GetValueOrDefault(place.Client) >= limits.UploadsPerClient)
            {
                refusal = $"this client already writes {limits.UploadsPerClient} uploads (limits.uploadsperclient)";
            }

            if (refusal.Length > 0) return null;
            var evicted = taken.Count < limits.ConcurrentUploads ? null : FindGreediest(place.Client);
            if (evicted is null && taken.Count >= limits.ConcurrentUploads)
            {
                refusal = $"{limits.ConcurrentUploads} uploads are already being written (limits.concurrentuploads)";
                return null;
            }

            if (evicted is not null)
            {
                Remove(evicted);
                evicted.Evict();
            }

            taken.Add(place);
            Count(place, 1);
        }

        return place;
    }

    /// <summary>Releases a place. An evicted one was already released.</summary>
    /// <param name="place">Which.</param>
    /// <param name="end">Runs under the lock, so that no eviction can interfere.</param>
    public void Release(UploadPlace place, Action end)
    {
        lock (changing)
        {
            Remove(place);
            end();
        }
    }

    /// <summary>The slowest upload of the client with the most, if it has two more than this one.</summary>
    private UploadPlace? FindGreediest(IPAddress client)
    {
        var (greediest, most) = clients.MaxBy(c => c.Value);
        if (most < clients.GetValueOrDefault(client) + 2) return null;
        var theirs = taken.Where(p => p.Client.Equals(greediest)).ToList();
        return theirs.Where(p => clock.GetElapsedTime(p.TakenAt) >= Grace).MinBy(RateOf)
            ?? theirs.MaxBy(p => p.TakenAt);
    }

    private double RateOf(UploadPlace place) =>
        (place.ReceivedBytes?.Invoke() ?? 0) / Math.Max(0.001, clock.GetElapsedTime(place.TakenAt).TotalSeconds);

    private void Remove(UploadPlace place)
    {
        if (taken.Remove(place)) Count(place, -1);
    }

    private void Count(UploadPlace place, int change)
    {
        Change(clients, place.Client, change);
        if (place.Account is { } account) Change(accounts, account, change);
    }

    private static void Change<T>(Dictionary<T, int> counts, T whose, int change)
        where T : notnull
    {
        var count = counts.GetValueOrDefault(whose) + change;
        if (count > 0) counts[whose] = count;
        else counts.Remove(whose);
    }
}

/// <summary>The place of one upload being written.</summary>
internal sealed class UploadPlace(UploadPlaces places, IPAddress client, string? account, long takenAt) : IDisposable
{
    private readonly CancellationTokenSource eviction = new();

    public IPAddress Client => client;

    public string? Account => account;

    /// <summary>A timestamp of the clock.</summary>
    public long TakenAt => takenAt;

    /// <summary>How many bytes the request has received; null before any.</summary>
    public Func<long>? ReceivedBytes { get; set; }

    /// <summary>Cancelled when the place goes to another client.</summary>
    public CancellationToken Evicted => eviction.Token;

    /// <summary>Returns at once; the cancellation runs on another thread.</summary>
    public void Evict() => _ = eviction.CancelAsync();

    public void Dispose() => places.Release(this, eviction.Dispose);
}
