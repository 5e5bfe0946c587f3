namespace Berth.Metadata;

/// <summary>
/// What the database answered lately, under keys that begin with a repository's name. A value read before a write
/// committed is never stored after it: each write advances its repository's stripe, and <see cref="GetOrLoadAsync{T}"/>
/// stores only if the stripe stood still meanwhile.
/// </summary>
/// <param name="maxBytes">Upper bound of the values' sizes together, in bytes.</param>
internal sealed class AnswerCache(long maxBytes)
{
    private readonly BoundedCache<object> entries = new(maxBytes);
    private readonly Stripe[] stripes = [.. Enumerable.Range(0, 256).Select(_ => new Stripe())];

    public T? Find<T>(ReadOnlySpan<char> key)
        where T : class => entries.TryGet(key, out var value) ? value as T : null;

    /// <summary>Takes the answer from the cache, or loads it and keeps it unless it is null.</summary>
    public ValueTask<T?> GetOrLoadAsync<T>(
        string repository, string key, Func<ValueTask<T?>> load, Func<T, long> sizeBytes)
        where T : class =>
        Find<T>(key) is { } cached ? new ValueTask<T?>(cached) : LoadAsync(repository, key, load, sizeBytes);

    /// <summary>Forgets keys after a write to their repository committed and before its client hears of it.</summary>
    public void Forget(string repository, params IEnumerable<string> keys)
    {
        var stripe = StripeOf(repository);
        lock (stripe)
        {
            stripe.Version++;
            foreach (var key in keys) entries.Remove(key);
        }
    }

    private async ValueTask<T?> LoadAsync<T>(
        string repository, string key, Func<ValueTask<T?>> load, Func<T, long> sizeBytes)
        where T : class
    {
        var stripe = StripeOf(repository);
        var version = Volatile.Read(ref stripe.Version);
        if (await load() is not { } loaded) return null;
        lock (stripe)
        {
            if (stripe.Version == version) entries.Set(key, loaded, sizeBytes(loaded) + key.Length * 2 + 200);
        }

        return loaded;
    }

    private Stripe StripeOf(string repository) => stripes[(uint)repository.GetHashCode() % stripes.Length];

    private sealed class Stripe
    {
        public long Version;
    }
}
