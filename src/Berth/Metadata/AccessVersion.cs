namespace Berth.Metadata;

/// <summary>
/// A number in the database that grows with each change to what anyone may do. What is remembered of rights is good as
/// long as the number stays the same. It is read at most once a second, so a change made by another node, or by a
/// command beside the server, is known a second later.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="withoutDatabase">How long rights are still believed while the database is unavailable.</param>
/// <param name="clock">The time.</param>
internal sealed class AccessVersion(Database database, TimeSpan withoutDatabase, TimeProvider clock)
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);

    private readonly Lock changing = new();
    private volatile Reading? last;
    private int reading;
    private int forgotten;

    /// <summary>The number, if it was read in the last second.</summary>
    public bool TryGet(out long number)
    {
        var known = last;
        number = known?.Number ?? 0;
        return known is not null && clock.GetElapsedTime(known.At) < ReadEvery;
    }

    /// <summary>The number, as it was at most a second ago, or two while it is being read.</summary>
    /// <exception cref="DatabaseUnavailableException">It can't be read, and was not read for too long.</exception>
    public ValueTask<long> CurrentAsync(CancellationToken cancellation)
    {
        if (TryGet(out var number)) return new ValueTask<long>(number);

        // While one request reads it, the others go on with what they have.
        var known = last;
        var isFairlyNew = known is not null && clock.GetElapsedTime(known.At) < 2 * ReadEvery;
        return isFairlyNew && Interlocked.CompareExchange(ref reading, 1, 0) != 0
            ? new ValueTask<long>(known!.Number)
            : ReadAsync(known, cancellation);
    }

    /// <summary>A change was made here: the next request reads the number.</summary>
    public void Forget()
    {
        lock (changing)
        {
            forgotten++;
            last = null;
        }
    }

    /// <summary>Advances the number, in the write that makes the change.</summary>
    public static async ValueTask AdvanceAsync(Session session) => await session.RunAsync(
        """
        INSERT INTO access_version (id, number) VALUES (1, 1)
        ON CONFLICT (id) DO UPDATE SET number = access_version.number + 1
        """);

    private async ValueTask<long> ReadAsync(Reading? known, CancellationToken cancellation)
    {
        try
        {
            // Its age counts from before it was read, and a change in the meantime makes it worthless.
            var (at, before) = (clock.GetTimestamp(), Volatile.Read(ref forgotten));
            var number = await database.ReadAsync(
                s => s.NumberAsync("SELECT number FROM access_version WHERE id = 1"), cancellation) ?? 0;
            lock (changing)
            {
                if (forgotten == before) last = new Reading(number, at);
            }

            return number;
        }
        catch (DatabaseUnavailableException) when (
            known is not null && clock.GetElapsedTime(known.At) < withoutDatabase)
        {
            return known.Number;
        }
        finally
        {
            Volatile.Write(ref reading, 0);
        }
    }

    private sealed record Reading(long Number, long At);
}
