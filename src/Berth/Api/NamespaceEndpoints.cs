using Berth.Access;
using Berth.Metadata;
using Berth.Registry;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A namespace: whose it is, and what is in it.</summary>
internal sealed record NamespaceView(string Name, string Kind, long Repositories)
{
    /// <summary>The display name of its owner.</summary>
    public string? FullName { get; init; }

    public bool HasMore { get; init; }

    /// <summary>For its owners and staff.</summary>
    public long? UsedBytes { get; init; }

    public long? MaxBytes { get; init; }
}

/// <summary><c>/namespaces</c>: where repositories are.</summary>
internal sealed class NamespaceEndpoints(
    Database database, RepositoryListing listing, Ownership ownership, Quotas quotas)
{
    /// <summary>A namespace that has repositories, but neither a user nor an organization of its name.</summary>
    private const string Unowned = "none";

    /// <summary>As many repositories are counted.</summary>
    private const int MaxCounted = 1000;

    /// <summary>
    /// The caller's own, and those of their organizations; or one, if they may pull from something in it or own it.
    /// </summary>
    public async Task<ApiAnswer<Listed<NamespaceView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space = null)
    {
        var page = http.Page();
        if (space is not null)
            return new Listed<NamespaceView>(await FindAsync(http, space) is { } found ? [found] : []);
        if (http.Caller().Rights.Account?.Account is not { Kind: AccountKinds.User } account)
            return new Listed<NamespaceView>([]);
        var organizations = await database.ReadAsync(
            session => OrganizationTable.MembershipsAsync(session, account.Id), http.RequestAborted);
        var names = organizations.Select(one => one.Organization).Append(account.Name)
            .Where(name => string.CompareOrdinal(name, page.Last) > 0)
            .Order(StringComparer.Ordinal).Take(page.Count + 1);
        var views = new List<NamespaceView>();
        foreach (var name in names) views.Add(await ViewAsync(http, name));
        return http.Answer(page, views, one => one.Name);
    }

    private async ValueTask<NamespaceView?> FindAsync(HttpContext http, string space)
    {
        if (!Ownership.TryReadNamespace(space, out var name)) return null;
        var view = await ViewAsync(http, name);
        return view.Repositories > 0 || (view.Kind != Unowned && view.UsedBytes is not null) ? view : null;
    }

    private async ValueTask<NamespaceView> ViewAsync(HttpContext http, string name)
    {
        var counted = await listing.NamesAsync(http, name, "", MaxCounted + 1);
        var caller = http.Caller();
        var mayCount = caller.Caller.Limits is null && (caller.IsStaff || ownership.Owns(caller, name));
        return await database.ReadAsync(
            async session =>
            {
                var account = await AccountTable.FindAsync(session, name);
                if (account?.Kind == AccountKinds.Robot) account = null;
                var quota = mayCount ? await QuotaTable.FindAsync(session, name) ?? quotas.DefaultOf(name) : null;
                return new NamespaceView(
                    name, account?.Kind ?? Unowned, Math.Min(counted.Count, MaxCounted))
                {
                    FullName = account?.FullName,
                    HasMore = counted.Count > MaxCounted,
                    UsedBytes = mayCount ? await UsageTable.NamespaceBytesAsync(session, name) : null,
                    MaxBytes = quota?.MaxBytes,
                };
            },
            http.RequestAborted);
    }
}
