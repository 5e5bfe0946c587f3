using System.Diagnostics.Metrics;
using Berth.Telemetry;

namespace Berth.Metadata;

/// <summary>
/// A cache of recent answers from the database, under keys that begin with a repository's name. A value read before a
/// write committed is never stored after it: each write advances its repository's stripe, and a load stores its answer
/// only if the stripe has not moved. Other nodes' writes arrive as notices (<see cref="PostgresListener"/>).
/// </summary>
internal sealed class AnswerCache : IAsyncDisposable
{
    /// <summary>PostgreSQL's limit is just below 8,000 bytes. Names and keys are ASCII.</summary>
    private const int MaxNoticeLength = 7900;

    private const string Everything = "*";

    private static readonly Tally Hits = new();
    private static readonly Tally Misses = new();

    private static readonly ObservableCounter<long> Lookups = Meters.Berth.CreateObservableCounter(
        "berth.cache.lookups", ReadLookups, "{lookup}", "Cache lookups, by hit or miss.");

    private readonly BoundedCache<object> entries;
    private readonly Stripe[] stripes = [.. Enumerable.Range(0, 256).Select(_ => new Stripe())];
    private readonly PostgresListener? peers;

    /// <param name="maxBytes">Upper bound of the values' total size, in bytes.</param>
    /// <param name="listen">Starts listening for other nodes' writes, if there are any.</param>
    public AnswerCache(long maxBytes, Func<AnswerCache, PostgresListener?>? listen = null)
    {
        entries = new BoundedCache<object>(maxBytes);
        peers = listen?.Invoke(this);
    }

    /// <summary>The notice that tells other nodes of a write, for <see cref="Hear"/>.</summary>
    public static string NoticeOf(string repository, IEnumerable<string> keys)
    {
        var notice = string.Join('\n', keys.Prepend(repository));
        return notice.Length <= MaxNoticeLength ? notice : Everything;
    }

    /// <summary>Why the cache is not used at the moment; null if it is.</summary>
    public string? FindProblem() => peers?.FindProblem();

    public T? Find<T>(ReadOnlySpan<char> key)
        where T : class => entries.TryGet(key, out var value) ? value as T : null;

    /// <summary>
    /// Takes the answer from the cache, or loads it and caches it unless it is null. If the other nodes can't be heard,
    /// cached answers are only used while the database is unavailable (<c>database.servecachedfor</c>).
    /// </summary>
    public ValueTask<T?> GetOrLoadAsync<T>(
        string repository, string key, Func<ValueTask<T?>> load, Func<T, long> sizeBytes)
        where T : class
    {
        var cached = Find<T>(key);
        var isHit = cached is not null && peers?.IsInTouch != false;
        if (Lookups.Enabled) (isHit ? Hits : Misses).Add(1);
        return isHit ? new ValueTask<T?>(cached) : LoadAsync(repository, key, cached, load, sizeBytes);
    }

    /// <summary>Evicts keys after a write to their repository has committed and before its client is told.</summary>
    public void Forget(string repository, params IEnumerable<string> keys)
    {
        var stripe = StripeOf(repository);
        lock (stripe)
        {
            stripe.Version++;
            foreach (var key in keys) entries.Remove(key);
        }
    }

    /// <summary>Evicts what another node's notice names.</summary>
    public void Hear(string notice)
    {
        if (notice == Everything)
        {
            ForgetAll();
            return;
        }

        var parts = notice.Split('\n');
        Forget(parts[0], parts[1..]);
    }

    public void ForgetAll()
    {
        foreach (var stripe in stripes)
        {
            lock (stripe) stripe.Version++;
        }

        entries.Clear();
    }

    public ValueTask DisposeAsync() => peers?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask<T?> LoadAsync<T>(
        string repository, string key, T? cached, Func<ValueTask<T?>> load, Func<T, long> sizeBytes)
        where T : class
    {
        var stripe = StripeOf(repository);
        var version = Volatile.Read(ref stripe.Version);
        T? loaded;
        try
        {
            loaded = await load();
        }
        catch (DatabaseUnavailableException) when (cached is not null && peers?.MayServeWithoutDatabase == true)
        {
            return cached;
        }

        if (loaded is null) entries.Remove(key);
        else StoreUnlessChanged(stripe, version, key, loaded, sizeBytes(loaded));
        return loaded;
    }

    private void StoreUnlessChanged(Stripe stripe, long version, string key, object value, long sizeBytes)
    {
        lock (stripe)
        {
            if (stripe.Version == version) entries.Set(key, value, sizeBytes + key.Length * 2 + 200);
        }
    }

    private static IEnumerable<Measurement<long>> ReadLookups() =>
    [
        new(Hits.Value, new KeyValuePair<string, object?>("berth.cache.result", "hit")),
        new(Misses.Value, new KeyValuePair<string, object?>("berth.cache.result", "miss")),
    ];

    private Stripe StripeOf(string repository) => stripes[(uint)repository.GetHashCode() % stripes.Length];

    private sealed class Stripe
    {
        public long Version;
    }
}
