using Berth.Metadata;

namespace Berth.Tests.Metadata;

/// <summary>The caches in front of the database: bounded, and never stale.</summary>
[Once]
public class AnswerCacheTests
{
    [Fact]
    public async Task A_reader_never_sees_an_answer_older_than_a_write_that_ended_before_it_asked()
    {
        var cache = new AnswerCache(maxBytes: 100_000);
        var stored = new long[8];
        var acknowledged = new long[8];
        var unfinishedReaders = 4;
        // Threads of their own: loops like these would keep a small thread pool from running the others at all.
        var writers = Enumerable.Range(0, 2).Select(w => OnThread(() =>
        {
            // Each writer has keys of its own, all in repositories that share stripes with others.
            for (long i = 1; Volatile.Read(ref unfinishedReaders) > 0; i++)
            {
                var key = (int)(i % 4) * 2 + w;
                Interlocked.Increment(ref stored[key]);
                cache.Forget($"r{key}", $"r{key}/key");
                Volatile.Write(ref acknowledged[key], Volatile.Read(ref stored[key]));
            }

            return Task.CompletedTask;
        }));
        var readers = Enumerable.Range(0, 4).Select(r => OnThread(async () =>
        {
            try
            {
                await ReadManyAsync(cache, new Random(r), stored, acknowledged);
            }
            finally
            {
                Interlocked.Decrement(ref unfinishedReaders);
            }
        }));
        await Task.WhenAll([.. writers, .. readers]);
        foreach (var key in Enumerable.Range(0, 8))
        {
            var kept = await cache.GetOrLoadAsync($"r{key}", $"r{key}/key", () => Load(stored[key]), _ => 100);
            Assert.Equal(stored[key], kept!.Value);
        }
    }

    [Fact]
    public async Task What_was_loaded_before_a_write_is_not_cached_after_it()
    {
        var cache = new AnswerCache(maxBytes: 100_000);
        var found = await cache.GetOrLoadAsync(
            "a", "a/key",
            () =>
            {
                var old = new Answer(1);
                cache.Forget("a", "a/key");
                return ValueTask.FromResult<Answer?>(old);
            },
            _ => 10);
        Assert.Equal(1, found!.Value);
        Assert.Null(cache.Find<Answer>("a/key"));
        Assert.Equal(2, (await cache.GetOrLoadAsync("a", "a/key", () => Load(2), _ => 10))!.Value);
        Assert.Equal(2, (await cache.GetOrLoadAsync("a", "a/key", () => Load(3), _ => 10))!.Value);
    }

    [Fact]
    public async Task Absence_is_not_cached()
    {
        var cache = new AnswerCache(maxBytes: 100_000);
        Assert.Null(await cache.GetOrLoadAsync(
            "a", "a/key", () => ValueTask.FromResult<Answer?>(null), _ => 10));
        Assert.NotNull(await cache.GetOrLoadAsync("a", "a/key", () => Load(1), _ => 10));
    }

    [Fact]
    public void A_cache_keeps_no_more_than_its_limit()
    {
        var cache = new BoundedCache<string>(maxCost: 1000);
        var random = new Random(5);
        for (var i = 0; i < 20_000; i++)
        {
            cache.Set($"k{i}", "x", cost: random.Next(1, 40));
            cache.TryGet($"k{random.Next(i + 1)}", out _);
            if (i % 7 == 0) cache.Remove($"k{random.Next(i + 1)}");
        }

        Assert.InRange(Enumerable.Range(0, 20_000).Count(i => cache.TryGet($"k{i}", out _)), 10, 250);
    }

    [Fact]
    public void Entries_in_use_stay_while_others_come_and_go()
    {
        var cache = new BoundedCache<string>(maxCost: 1000);
        cache.Set("used", "x", cost: 10);
        for (var i = 0; i < 5000; i++)
        {
            cache.Set($"k{i}", "x", cost: 10);
            Assert.True(cache.TryGet("used", out _), $"gone after {i} others");
        }

        Assert.False(cache.TryGet("k0", out _));
        Assert.True(cache.TryGet("k4999", out _));
    }

    [Fact]
    public void One_entry_too_large_for_the_cache_is_not_kept()
    {
        var cache = new BoundedCache<string>(maxCost: 1000);
        cache.Set("large", "x", cost: 251);
        cache.Set("small", "x", cost: 250);
        Assert.False(cache.TryGet("large", out _));
        Assert.True(cache.TryGet("small", out _));
    }

    [Fact]
    public void A_removed_entry_is_gone_from_both_generations()
    {
        var cache = new BoundedCache<string>(maxCost: 1000);
        cache.Set("old", "x", cost: 10);
        for (var i = 0; i < 50; i++) cache.Set($"k{i}", "x", cost: 10);
        cache.TryGet("old", out _);
        cache.Remove("old");
        Assert.False(cache.TryGet("old", out _));
    }

    private static ValueTask<Answer?> Load(long value) => ValueTask.FromResult<Answer?>(new Answer(value));

    private static Task OnThread(Func<Task> work) => Task.Factory.StartNew(
        work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

    private static async Task ReadManyAsync(AnswerCache cache, Random random, long[] stored, long[] acknowledged)
    {
        for (var reads = 0; reads < 50_000; reads++)
        {
            var key = random.Next(8);
            var atLeast = Volatile.Read(ref acknowledged[key]);
            var found = await cache.GetOrLoadAsync(
                $"r{key}", $"r{key}/key",
                () =>
                {
                    var value = new Answer(Volatile.Read(ref stored[key]));
                    if (random.Next(4) == 0) Thread.Yield();
                    return ValueTask.FromResult<Answer?>(value);
                },
                _ => 100);
            Assert.True(found!.Value >= atLeast, $"read {found.Value} after {atLeast} was acknowledged");
        }
    }

    private sealed record Answer(long Value);
}
