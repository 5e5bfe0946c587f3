using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>How much a namespace or a repository may keep, and what it does keep.</summary>
internal sealed record QuotaView(
    string Scope, long? MaxBytes, long? MaxTags, int WarnPercent, long UsedBytes, long TrashBytes, long Tags,
    bool IsNear, bool IsDefault) : INoted
{
    ChangeNote INoted.Note => new(
        Scope,
        $"bytes: {(MaxBytes is { } bytes ? $"{bytes}" : "any")}, tags: {(MaxTags is { } tags ? $"{tags}" : "any")}");
}

/// <summary>A quota to be set; null: as much as it likes.</summary>
internal sealed record NewQuota(long? MaxBytes = null, long? MaxTags = null, int? WarnPercent = null);

/// <summary><c>/quotas</c>: how much namespaces and repositories may keep.</summary>
internal sealed class QuotaEndpoints(
    Database database, AccessChanges changes, Quotas quotas, Ownership ownership, QuotaSettings settings,
    TimeProvider clock)
{
    /// <summary>All of them are in memory.</summary>
    private const int MaxQuotas = 10_000;

    public async Task<ApiAnswer<Listed<QuotaView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space = null)
    {
        if (ownership.Ask(http.Caller(), space) is { } refusal) return refusal;
        var page = http.Page();
        return await database.ReadAsync<ApiAnswer<Listed<QuotaView>>>(
            async session =>
            {
                var views = new List<QuotaView>();
                foreach (var row in await QuotaTable.ListAsync(
                    session, space?.ToLowerInvariant(), page.Last, page.Count + 1))
                {
                    views.Add(await ViewAsync(session, row));
                }

                return http.Answer(page, views, one => one.Scope);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<QuotaView>> GetAsync(HttpContext http, string scope)
    {
        if (!RepositoryName.TryParse(scope, out var name)) return NotFound();
        if (ownership.Ask(http.Caller(), name.Namespace) is { } refusal)
            return refusal.Status == StatusCodes.Status404NotFound ? NotFound() : refusal;
        return await database.ReadAsync<ApiAnswer<QuotaView>>(
            async session => await FindAsync(session, scope) is { } row
                ? ApiAnswer<QuotaView>.Of(await ViewAsync(session, row), row.Version) : NotFound(),
            http.RequestAborted);
    }

    public async Task<ApiAnswer<QuotaView>> PutAsync(HttpContext http, string scope, [FromBody] NewQuota sent)
    {
        if (!RepositoryName.TryParse(scope, out _))
            return ApiError.Invalid($"'{scope}' is neither a namespace nor a repository's name");
        if (sent.MaxBytes < 0 || sent.MaxTags < 0) return ApiError.Invalid("maxBytes and maxTags are at least 0");
        if (sent.WarnPercent is < 1 or > 100) return ApiError.Invalid("warnPercent is between 1 and 100");
        return await changes.RunAsync<ApiAnswer<QuotaView>>(
            async session =>
            {
                var before = await QuotaTable.FindAsync(session, scope);
                if (http.HasCondition() && (before is null || !http.IsFor(before.Version))) return ApiError.Changed();
                if (before is null && await QuotaTable.CountAsync(session) >= MaxQuotas)
                    return ApiError.Conflict($"there are {MaxQuotas} quotas already; quotas.namespacebytes is for all");
                var row = new QuotaRow(
                    scope, sent.MaxBytes, sent.MaxTags, sent.WarnPercent ?? settings.WarnPercent,
                    (before?.Version ?? 0) + 1)
                {
                    ChangedAt = clock.GetUtcNow(),
                    ChangedBy = http.Caller().Name,
                };
                await QuotaTable.PutAsync(session, row);
                return ApiAnswer<QuotaView>.Of(await ViewAsync(session, row), row.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string scope) => await changes.RunAsync(
        async session =>
        {
            if (await QuotaTable.FindAsync(session, scope) is not { } row) return NotFound();
            if (!http.IsFor(row.Version)) return ApiError.Changed();
            await QuotaTable.RemoveAsync(session, scope);
            return null;
        },
        http.RequestAborted);

    /// <summary>A quota, or what the settings say of all namespaces without one.</summary>
    private async ValueTask<QuotaRow?> FindAsync(Session session, string scope) =>
        await QuotaTable.FindAsync(session, scope) ?? (scope.Contains('/') ? null : quotas.DefaultOf(scope));

    private static async ValueTask<QuotaView> ViewAsync(Session session, QuotaRow row)
    {
        var used = await QuotaTable.UsedAsync(session, row);
        var tags = await QuotaTable.TagsAsync(session, row);
        return new QuotaView(
            row.Scope, row.MaxBytes, row.MaxTags, row.WarnPercent, used,
            await UsageTable.TrashBytesAsync(session, row.Repositories), tags,
            Quotas.IsNear(row, used) || tags >= (decimal?)row.MaxTags * row.WarnPercent / 100,
            IsDefault: row.Version == 0);
    }

    private static ApiError NotFound() => ApiError.NotFound("such quota");
}
