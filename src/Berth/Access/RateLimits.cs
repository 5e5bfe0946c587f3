using System.Globalization;
using System.Net;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Access;

/// <summary>
/// Limits how many requests somebody may send. Each node counts for itself, and forgets at a restart. The answer tells
/// what is left, in the headers that Docker Hub has: <c>RateLimit-Limit: 100;w=21600</c>,
/// <c>RateLimit-Remaining: 76;w=21600</c>, <c>RateLimit-Reset</c> in seconds; and where requests are counted by
/// address, <c>Docker-RateLimit-Source</c>.
/// </summary>
internal sealed class RateLimits(IReadOnlyList<RateLimitSettings> limits, TimeProvider clock)
{
    /// <summary>Counters that are kept, some 20 MB when full. Those not used for longest start anew.</summary>
    private const int KeptCounters = 100_000;

    private readonly BoundedCache<Counter> counters = new(KeptCounters);

    /// <summary>Counts a request.</summary>
    /// <param name="http">The request, whose answer gets the headers of the limit that is nearest.</param>
    /// <param name="caller">Who sent it.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="isFree">Whether it does not count, but still tells what is left.</param>
    /// <returns>How long to wait if there were too many; otherwise null.</returns>
    public TimeSpan? Take(HttpContext http, Caller caller, RateLimitKind kind, bool isFree = false)
    {
        Reading? nearest = null;
        for (var i = 0; i < limits.Count; i++)
        {
            if (!IsMeant(limits[i], caller, kind)) continue;
            var reading = Count(limits[i], KeyOf(i, http, caller), isFree);
            if (nearest is not { } other || reading.Left < other.Left) nearest = reading;
        }

        if (nearest is not { } found) return null;
        SetHeaders(
            http.Response.Headers, found,
            found.Limit.ByAddress || caller.IsNameless ? http.Connection.RemoteIpAddress : null);
        return found.Left < 0 && !isFree ? found.Rest : null;
    }

    /// <summary>How long to wait, as <c>Retry-After</c> and sentences have it.</summary>
    public static int SecondsOf(TimeSpan wait) => (int)Math.Ceiling(Math.Max(1, wait.TotalSeconds));

    private static bool IsMeant(RateLimitSettings limit, Caller caller, RateLimitKind kind) =>
        !caller.IsScanner && (limit.Kind == RateLimitKind.All || limit.Kind == kind) && limit.For switch
        {
            RateLimitFor.Anonymous => caller.IsNameless,
            RateLimitFor.Users => !caller.IsNameless,
            _ => true,
        };

    private string KeyOf(int index, HttpContext http, Caller caller) =>
        limits[index].ByAddress || caller.IsNameless
            ? $"{index} from {ClientNetwork.Of(http.Connection.RemoteIpAddress)}"
            : $"{index} of {caller.Name}";

    private Reading Count(RateLimitSettings limit, string key, bool isFree)
    {
        if (!counters.TryGet(key, out var counter)) counters.Set(key, counter = new Counter(), cost: 1);
        lock (counter)
        {
            var age = clock.GetElapsedTime(counter.Since);
            if (counter.Used == 0 || age >= limit.Window)
            {
                (counter.Since, counter.Used) = (clock.GetTimestamp(), 0);
                age = TimeSpan.Zero;
            }

            if (!isFree && counter.Used <= limit.Requests) counter.Used++;
            return new Reading(limit, limit.Requests - counter.Used, limit.Window - age);
        }
    }

    private static void SetHeaders(IHeaderDictionary headers, Reading reading, IPAddress? source)
    {
        var window = ((long)reading.Limit.Window.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Limit"] = $"{reading.Limit.Requests};w={window}";
        headers["RateLimit-Remaining"] = $"{Math.Max(0, reading.Left)};w={window}";
        headers["RateLimit-Reset"] = Math.Ceiling(reading.Rest.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        headers["Docker-RateLimit-Source"] = ClientNetwork.Unmapped(source)?.ToString();
    }

    private sealed class Counter
    {
        public long Since { get; set; }

        public int Used { get; set; }
    }

    /// <param name="Limit">Which limit.</param>
    /// <param name="Left">How many requests are left; negative if this one was too many.</param>
    /// <param name="Rest">Until the window ends.</param>
    private readonly record struct Reading(RateLimitSettings Limit, int Left, TimeSpan Rest);
}
