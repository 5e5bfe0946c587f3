using System.Globalization;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>The pulls of a day, in UTC.</summary>
internal sealed record DayView(string Day, long Pulls);

/// <summary>How much a repository is used, and what it keeps.</summary>
internal sealed record StatisticsView(
    string Repository, long Pulls, long Stars, long Tags, long Manifests, long Bytes, IReadOnlyList<DayView> Days);

/// <summary><c>/statistics</c>: how much a repository is used.</summary>
internal sealed class StatisticsEndpoints(Database database, TimeProvider clock)
{
    private const int UsualDays = 30;

    /// <summary>As long as pulls are counted by the day.</summary>
    private const int MostDays = 400;

    /// <param name="http">The request.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="days">How many days, up to today.</param>
    public async Task<ApiAnswer<StatisticsView>> GetAsync(HttpContext http, string repository, int? days = null)
    {
        var count = days ?? UsualDays;
        if (count is < 1 or > MostDays) return ApiError.Invalid($"days is between 1 and {MostDays}");
        var today = clock.GetUtcNow().ToUnixTimeMilliseconds() / PullTable.MillisecondsPerDay;
        var first = today - count + 1;
        return await database.ReadAsync<ApiAnswer<StatisticsView>>(
            async session =>
            {
                if (await DescribedRepositoryTable.FindAsync(session, repository, accountId: null) is not { } row)
                    return ApiError.NotFound("such repository");
                var counted = (await UsageTable.RepositoriesAsync(session, new UsageScope(repository, null))).Single();
                var pulls = await PullTable.DaysAsync(session, counted.Id, first);
                return new StatisticsView(
                    row.Name, row.Pulls, row.Stars, counted.Tags, counted.Manifests,
                    await UsageTable.UsedBytesAsync(session, counted.Id),
                    [.. Enumerable.Range(0, count).Select(
                        i => new DayView(TextOf(first + i), pulls.GetValueOrDefault(first + i)))]);
            },
            http.RequestAborted);
    }

    private static string TextOf(long day) =>
        DateOnly.FromDateTime(DateTime.UnixEpoch.AddDays(day)).ToString("O", CultureInfo.InvariantCulture);
}
