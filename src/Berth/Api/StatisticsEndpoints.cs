using System.Globalization;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>The pulls of a day, in UTC.</summary>
internal sealed record DayView(string Day, long Pulls);

/// <summary>How much a repository is used, and what it keeps.</summary>
internal sealed record StatisticsView(
    string Repository, long Pulls, long Stars, long Tags, long Manifests, long Bytes, IReadOnlyList<DayView> Days);

/// <summary>The same without what all tags and manifests have to be counted for.</summary>
internal sealed record RepositoryUse(long Bytes, IReadOnlyList<DayView> Days);

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
        return await database.ReadAsync<ApiAnswer<StatisticsView>>(
            async session =>
            {
                if (await DescribedRepositoryTable.FindAsync(session, repository, accountId: null) is not { } row)
                    return ApiError.NotFound("such repository");
                var counted = (await UsageTable.RepositoriesAsync(session, new UsageScope(repository, null))).Single();
                var use = await UseAsync(session, counted.Id, count);
                return new StatisticsView(
                    row.Name, row.Pulls, row.Stars, counted.Tags, counted.Manifests, use.Bytes, use.Days);
            },
            http.RequestAborted);
    }

    /// <summary>What a page shows of it, at the same price however many tags there are; null: there is none.</summary>
    public async Task<RepositoryUse?> FindUseAsync(HttpContext http, string repository) => await database.ReadAsync(
        async session => RepositoryName.TryParse(repository, out var name)
            && await RepositoryTable.FindAsync(session, name) is { } id
                ? await UseAsync(session, id, UsualDays) : null,
        http.RequestAborted);

    private async ValueTask<RepositoryUse> UseAsync(Session session, long repositoryId, int days)
    {
        var today = clock.GetUtcNow().ToUnixTimeMilliseconds() / PullTable.MillisecondsPerDay;
        var first = today - days + 1;
        var pulls = await PullTable.DaysAsync(session, repositoryId, first);
        return new RepositoryUse(
            await UsageTable.UsedBytesAsync(session, repositoryId),
            [.. Enumerable.Range(0, days).Select(
                i => new DayView(TextOf(first + i), pulls.GetValueOrDefault(first + i)))]);
    }

    private static string TextOf(long day) =>
        DateOnly.FromDateTime(DateTime.UnixEpoch.AddDays(day)).ToString("O", CultureInfo.InvariantCulture);
}
