using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A repository.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsPublic">Whether everyone may pull from it.</param>
/// <param name="IsEmpty">Whether it holds no manifest; then lists do not have it.</param>
/// <param name="CreatedAt">Since when it exists.</param>
internal sealed record RepositoryView(string Name, bool IsPublic, bool IsEmpty, DateTimeOffset CreatedAt) : INoted
{
    ChangeNote INoted.Note => new(Name, IsPublic ? "public" : "private");

    public static RepositoryView Of(RepositoryRow row) => new(row.Name, row.IsPublic, row.IsEmpty, row.CreatedAt);
}

/// <summary>A repository to be made without a push.</summary>
internal sealed record NewRepository(string Name, bool? IsPublic = null);

/// <summary>A change of a repository.</summary>
internal sealed record RepositoryChange(bool? IsPublic = null);

/// <summary><c>/repositories</c>: which there are, and who sees them.</summary>
internal sealed class RepositoryEndpoints(
    Database database, AccessChanges changes, RepositoryTable repositories, AccessRules access, ApiGate gate,
    Removal removal, StorageSettings storage)
{
    /// <summary>Those that the caller may pull from, all or in a namespace.</summary>
    public async Task<ApiAnswer<Listed<RepositoryView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var page = http.Page();
        if (space is not null && !Ownership.TryReadNamespace(space, out _)) return new Listed<RepositoryView>([]);
        var names = new List<string>();
        foreach (var (last, start, end) in RangesOf(space?.ToLowerInvariant(), page.Last))
        {
            if (names.Count <= page.Count)
                names.AddRange(await ReadAsync(http, last, start, end, page.Count + 1 - names.Count));
        }

        var rows = await database.ReadAsync(
            session => NamespaceTable.FindAllAsync(session, names), http.RequestAborted);
        rows.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name));
        return http.Answer(page, rows.ConvertAll(RepositoryView.Of), one => one.Name);
    }

    public async Task<ApiAnswer<RepositoryView>> GetAsync(HttpContext http, string name) =>
        await database.ReadAsync(session => NamespaceTable.FindAsync(session, name), http.RequestAborted) is { } row
            ? ApiAnswer<RepositoryView>.Tagged(RepositoryView.Of(row))
            : NotFound();

    public async Task<ApiAnswer<RepositoryView>> AddAsync(HttpContext http, [FromBody] NewRepository sent)
    {
        if (!RepositoryName.TryParse(sent.Name, out var name)) return ApiError.Of(RegistryError.NameInvalid(sent.Name));
        var caller = http.Caller();
        if (await gate.AskAsync(http, caller, AccessAction.Push, name) is { } refusal) return refusal;
        if (sent.IsPublic is not null && await gate.AskAsync(http, caller, AccessAction.Manage, name) is { } denied)
            return denied;
        if (storage.Maintenance.ReadOnly.Enabled) return ApiError.Of(RegistryError.ReadOnly());
        return await changes.RunAsync<ApiAnswer<RepositoryView>>(
            async session =>
            {
                if (await RepositoryTable.ExistsAsync(session, name))
                    return ApiError.Conflict($"there is a repository {name} already");
                await repositories.FindOrAddAsync(session, name);
                if (sent.IsPublic is { } isPublic) await NamespaceTable.SetPublicAsync(session, name.Text, isPublic);
                return ApiAnswer<RepositoryView>.Made(
                    RepositoryView.Of((await NamespaceTable.FindAsync(session, name.Text))!));
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<RepositoryView>> ChangeAsync(
        HttpContext http, string name, [FromBody] RepositoryChange sent) =>
        await changes.RunAsync<ApiAnswer<RepositoryView>>(
            async session =>
            {
                if (await NamespaceTable.FindAsync(session, name) is not { } row) return NotFound();
                if (!http.IsFor(RepositoryView.Of(row))) return ApiError.Changed();
                if (sent.IsPublic is { } isPublic)
                {
                    await NamespaceTable.SetPublicAsync(session, name, isPublic);
                    row = row with { IsPublic = isPublic };
                }

                return ApiAnswer<RepositoryView>.Tagged(RepositoryView.Of(row));
            },
            http.RequestAborted);

    /// <summary>Puts all of it into the trash.</summary>
    public async Task<ApiDone> RemoveAsync(HttpContext http, string name)
    {
        var shown = await database.ReadAsync(session => NamespaceTable.FindAsync(session, name), http.RequestAborted);
        if (shown is null) return NotFound();
        if (!http.IsFor(RepositoryView.Of(shown))) return ApiError.Changed();
        var removed = await removal.RemoveRepositoryAsync(
            RepositoryName.Parse(name), http.Actor(), http.RequestAborted);
        return removed.Outcome switch
        {
            RemovalOutcome.Unknown => NotFound(),
            RemovalOutcome.Immutable => ApiError.Of(RegistryError.TagImmutable(removed.Rule!)),
            _ => ApiDone.Done,
        };
    }

    /// <summary>
    /// Where the names of a namespace lie in ordinal order: its own name, and those below it. Others may lie between.
    /// </summary>
    private static IEnumerable<(string Last, string Start, string End)> RangesOf(string? space, string last)
    {
        if (space is null)
        {
            yield return (last, "", "\u007f");
            yield break;
        }

        yield return (last, space, space + "\u0001");
        yield return (last, space + "/", space + "0");
    }

    private async Task<List<string>> ReadAsync(HttpContext http, string last, string start, string end, int count)
    {
        var caller = http.Caller();
        var visible = caller.IsAdministrator ? null : await access.VisibleAsync(caller.Caller, http.RequestAborted);
        if (visible is null)
        {
            return await database.ReadAsync(
                session => RepositoryTable.ListBetweenAsync(session, last, start, end, count), http.RequestAborted);
        }

        visible = visible with
        {
            Patterns = [.. visible.Patterns.Where(pattern => Meet(pattern.Range, start, end))],
        };

        // Just before the first name in the range.
        if (start.Length > 0 && string.CompareOrdinal(last, start) < 0)
            last = start[..^1] + (char)(start[^1] - 1) + "\u007f";
        var names = await new VisibleCatalog(database, visible, http.RequestAborted).ReadAsync(last, count, skip: 0);
        return names.FindAll(name => string.CompareOrdinal(name, end) < 0);
    }

    private static bool Meet((string Start, string End) range, string start, string end) =>
        string.CompareOrdinal(range.Start, end) < 0 && string.CompareOrdinal(start, range.End) < 0;

    private static ApiError NotFound() => ApiError.NotFound("such repository");
}
