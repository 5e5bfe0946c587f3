using System.Globalization;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>Something that happened to a tag; without a digest, it was deleted, and by whom only users are told.
/// </summary>
internal sealed record ActivityView(
    long Id, string Repository, string Tag, string? Digest, string Action, DateTimeOffset MovedAt, string? MovedBy);

/// <summary><c>/activity</c>: what happened lately in the repositories that the caller may pull from.</summary>
internal sealed class ActivityEndpoints(Database database, RepositoryListing listing)
{
    /// <summary>
    /// How many moves are looked at for a page: where a caller sees few repositories of a busy registry, older ones are
    /// left out, so that nobody's front page reads all of the history.
    /// </summary>
    private const int Among = 1000;

    public async Task<ApiAnswer<Listed<ActivityView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var isVisible = await listing.VisibilityAsync(http);
        var moves = await database.ReadAsync(
            session => ActivityTable.ListAsync(session, before, Among), http.RequestAborted);
        return http.Answer(
            page,
            [.. moves.Where(one => isVisible(one.Repository, one.IsPublic)).Take(page.Count + 1).Select(
                one => new ActivityView(
                    one.Id, one.Repository, one.Tag, one.Digest, one.Action, one.MovedAt,
                    http.NameFor(one.MovedBy)))],
            one => one.Id.ToString(CultureInfo.InvariantCulture));
    }
}
