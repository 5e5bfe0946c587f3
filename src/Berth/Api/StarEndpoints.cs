using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>A repository that the caller has starred.</summary>
internal sealed record StarView(string Repository, DateTimeOffset StarredAt, string? Description, long Stars)
{
    public static StarView Of(StarRow row) => new(row.Repository, row.StarredAt, row.Description, row.Stars);
}

/// <summary>
/// <c>/stars</c>: repositories that users want to find again. One that the caller may not pull from any more is not
/// listed, and listed again once they may.
/// </summary>
internal sealed class StarEndpoints(Database database, AccessRules access, ApiGate gate, TimeProvider clock)
{
    /// <summary>More than anybody looks through: a list reads all of them if none may be shown.</summary>
    private const int MaxStars = 1000;

    public async Task<ApiAnswer<Listed<StarView>>> ListAsync(HttpContext http)
    {
        var (page, id) = (http.Page(), AccountOf(http));
        var (shown, last) = (new List<StarView>(), page.Last);
        while (shown.Count <= page.Count)
        {
            var rows = await database.ReadAsync(
                session => StarTable.ListAsync(session, id, last, page.Count + 1), http.RequestAborted);
            foreach (var row in rows)
            {
                if (await MayPullAsync(http, row.Repository)) shown.Add(StarView.Of(row));
                if (shown.Count > page.Count) break;
            }

            if (rows.Count <= page.Count) break;
            last = rows[^1].Repository;
        }

        return http.Answer(page, shown, one => one.Repository);
    }

    public Task<ApiDone> AddAsync(HttpContext http, string name) => ChangeAsync(
        http, name,
        async (session, repositoryId) =>
        {
            var id = AccountOf(http);
            var isThere = await StarTable.HasAsync(session, id, repositoryId);
            if (http.HasCondition() && !(isThere && http.IsFor(ApiRequest.OnlyVersion))) return ApiError.Changed();
            if (!isThere && await StarTable.CountAsync(session, id) >= MaxStars)
                return ApiError.Conflict($"{http.Caller().Name} has starred {MaxStars:N0} repositories already");
            await StarTable.AddAsync(session, id, repositoryId, clock.GetUtcNow());
            return null;
        });

    public Task<ApiDone> RemoveAsync(HttpContext http, string name) => ChangeAsync(
        http, name,
        async (session, repositoryId) =>
        {
            if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
            await StarTable.RemoveAsync(session, AccountOf(http), repositoryId);
            return null;
        });

    /// <summary>What may not be pulled from is not there.</summary>
    private async Task<ApiDone> ChangeAsync(
        HttpContext http, string name, Func<Session, long, ValueTask<ApiError?>> change)
    {
        if (!RepositoryName.TryParse(name, out var repository)) return ApiError.NotFound("such repository");
        if (await gate.AskAsync(http, http.Caller(), AccessAction.Pull, repository) is { } refusal) return refusal;
        return await database.WriteAsync<ApiDone>(
            async session =>
            {
                // It is not moved away meanwhile.
                await session.LockAsync(repository, isShared: true);
                return !await RepositoryTable.ExistsAsync(session, repository)
                    || await RepositoryTable.FindAsync(session, repository) is not { } id
                        ? ApiError.NotFound("such repository")
                        : await change(session, id);
            },
            isDurable: true, http.RequestAborted);
    }

    private async ValueTask<bool> MayPullAsync(HttpContext http, string name) => await access.AskAsync(
        http.Caller().Caller, AccessAction.Pull, RepositoryName.Parse(name), http.RequestAborted)
        == AccessAnswer.Allowed;

    /// <summary>The routes are for users with an account.</summary>
    private static long AccountOf(HttpContext http) => http.Caller().Rights.Account!.Account.Id;
}
