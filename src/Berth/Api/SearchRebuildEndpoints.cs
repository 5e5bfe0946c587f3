using Berth.Metadata;
using Berth.Search;

namespace Berth.Api;

/// <summary>A pass that compares the index of searches with what is stored, and mends it.</summary>
/// <param name="State">waiting, running or done.</param>
/// <param name="Repositories">How many were looked at.</param>
/// <param name="MissingTags">How many tags the index lacked.</param>
internal sealed record SearchRebuildView(
    long Id, string State, DateTimeOffset RequestedAt, string RequestedBy, DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt, long Repositories, long MissingTags) : INoted
{
    ChangeNote INoted.Note => new($"{Id}");

    public static SearchRebuildView Of(SearchRebuildRow row) => new(
        row.Id, row switch { { EndedAt: not null } => "done", { StartedAt: not null } => "running", _ => "waiting" },
        row.RequestedAt, row.RequestedBy, row.StartedAt, row.EndedAt, row.Repositories, row.Tags);
}

/// <summary><c>/search/rebuilds</c>: the index of searches, compared with what is stored.</summary>
internal sealed class SearchRebuildEndpoints(Database database, JobTable jobs, TimeProvider clock)
{
    public async Task<ApiAnswer<Listed<SearchRebuildView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => SearchRebuildTable.ListAsync(session, before, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(SearchRebuildView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<SearchRebuildView>> AddAsync(HttpContext http)
    {
        var row = await database.WriteAsync(
            async session =>
            {
                var added = await SearchRebuildTable.AddAsync(session, http.Caller().Name, clock.GetUtcNow());
                await jobs.HastenAsync(session, RebuildSearchJob.Name);
                return added;
            },
            isDurable: true, http.RequestAborted);
        return ApiAnswer<SearchRebuildView>.Made(SearchRebuildView.Of(row));
    }

    public async Task<ApiAnswer<SearchRebuildView>> GetAsync(HttpContext http, long id) =>
        await database.ReadAsync(session => SearchRebuildTable.FindAsync(session, id), http.RequestAborted) is { } row
            ? SearchRebuildView.Of(row) : ApiError.NotFound("such rebuild");
}
