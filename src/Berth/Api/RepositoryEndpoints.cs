using System.Text;
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
    public string? Description { get; init; }

    public bool HasReadme { get; init; }

    /// <summary>Only where one repository is shown.</summary>
    public string? Readme { get; init; }

    public long Pulls { get; init; }

    public DateTimeOffset? PushedAt { get; init; }

    public long Stars { get; init; }

    public bool IsStarred { get; init; }

    public bool IsOfficial { get; init; }

    public string? NewestTag { get; init; }

    public IReadOnlyList<string> Platforms { get; init; } = [];

    public string? ArtifactType { get; init; }

    /// <summary>Only where one repository is shown.</summary>
    public SourceView? Source { get; init; }

    ChangeNote INoted.Note => new(Name, IsPublic ? "public" : "private");

    /// <summary>Without what others than its owners change: a pull must not get in the way of a change.</summary>
    public RepositoryView WithoutUse() => this with
    {
        Pulls = 0,
        PushedAt = null,
        Stars = 0,
        IsStarred = false,
        NewestTag = null,
        Platforms = [],
        ArtifactType = null,
        Source = null,
    };

    public static RepositoryView Of(DescribedRepository row) => Of(row, readme: null);

    public static RepositoryView Of(DescribedRepository row, string? readme) =>
        new(row.Name, row.IsPublic, row.IsEmpty, row.CreatedAt)
        {
            Description = row.Description,
            HasReadme = row.HasReadme,
            Readme = readme,
            Pulls = row.Pulls,
            PushedAt = row.PushedAt,
            Stars = row.Stars,
            IsStarred = row.IsStarred,
            IsOfficial = row.IsOfficial,
            NewestTag = row.NewestTag,
            Platforms = row.Platforms,
            ArtifactType = row.ArtifactType,
        };
}

/// <summary>A repository to be made without a push.</summary>
internal sealed record NewRepository(
    string Name, bool? IsPublic = null, string? Description = null, string? Readme = null);

/// <summary>A change of a repository. An empty text removes what is there.</summary>
internal sealed record RepositoryChange(
    bool? IsPublic = null, string? Description = null, string? Readme = null, bool? IsOfficial = null);

/// <summary><c>/repositories</c>: which there are, and who sees them.</summary>
internal sealed class RepositoryEndpoints(
    Database database, AccessChanges changes, RepositoryTable repositories, RepositoryListing listing,
    ApiGate gate, Removal removal, StorageSettings storage)
{
    /// <summary>A page of text; what is longer belongs into the image, or elsewhere.</summary>
    private const int MaxReadmeBytes = 64 * 1024;

    private const int MaxDescriptionChars = 200;

    /// <summary>Those that the caller may pull from, all or in a namespace.</summary>
    public async Task<ApiAnswer<Listed<RepositoryView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var page = http.Page();
        if (space is not null && !Ownership.TryReadNamespace(space, out _)) return new Listed<RepositoryView>([]);
        if (!RepositoryListing.IsPlain(http)) return await ListInOrderAsync(http, space?.ToLowerInvariant(), page);
        var names = await listing.NamesAsync(http, space?.ToLowerInvariant(), page.Last, page.Count + 1);
        var rows = await database.ReadAsync(
            session => DescribedRepositoryTable.FindAllAsync(session, names, AccountOf(http)), http.RequestAborted);
        rows.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name));
        return http.Answer(page, rows.ConvertAll(RepositoryView.Of), one => one.Name);
    }

    /// <summary>The same, filtered, or in another order.</summary>
    private async Task<ApiAnswer<Listed<RepositoryView>>> ListInOrderAsync(HttpContext http, string? space, Page page)
    {
        if (RepositoryListing.TryRead(http, space, out var filter, out var sort, out var last) is { } fault)
            return fault;
        IReadOnlyList<string>? named = null;
        if (http.Request.Query["starred"].Count > 0 && http.Request.Query["starred"] != "")
        {
            named = AccountOf(http) is not { } account
                ? []
                : await database.ReadAsync(
                    session => StarTable.NamesAsync(session, account), http.RequestAborted);
        }

        var found = await listing.ReadAsync(http, filter, sort, last, named, page.Count + 1);
        var rows = await database.ReadAsync(
            session => DescribedRepositoryTable.FindAllAsync(
                session, found.Select(one => one.Name), AccountOf(http)),
            http.RequestAborted);
        var byName = rows.ToDictionary(row => row.Name);

        // One that went meanwhile is not shown, but the page goes on after it.
        var listed = http.Answer(page, found, one => RepositoryListing.CursorOf(sort, one));
        return new Listed<RepositoryView>(
            [.. listed.Items.Where(one => byName.ContainsKey(one.Name))
                .Select(one => RepositoryView.Of(byName[one.Name]))]);
    }

    public async Task<ApiAnswer<RepositoryView>> GetAsync(HttpContext http, string name) =>
        await database.ReadAsync(session => FindAsync(http, session, name), http.RequestAborted) is { } view
            ? ApiAnswer<RepositoryView>.Tagged(view, view.WithoutUse())
            : NotFound();

    public async Task<ApiAnswer<RepositoryView>> AddAsync(HttpContext http, [FromBody] NewRepository sent)
    {
        if (!RepositoryName.TryParse(sent.Name, out var name)) return ApiError.Of(RegistryError.NameInvalid(sent.Name));
        var change = new RepositoryChange(sent.IsPublic, sent.Description, sent.Readme);
        if (FindFault(change) is { } fault) return fault;
        var caller = http.Caller();
        if (await gate.AskAsync(http, caller, AccessAction.Push, name) is { } refusal) return refusal;
        if (change != new RepositoryChange()
            && await gate.AskAsync(http, caller, AccessAction.Manage, name) is { } denied)
        {
            return denied;
        }

        if (storage.Maintenance.ReadOnly.Enabled) return ApiError.Of(RegistryError.ReadOnly());
        return await changes.RunAsync<ApiAnswer<RepositoryView>>(
            async session =>
            {
                if (await RepositoryTable.ExistsAsync(session, name))
                    return ApiError.Conflict($"there is a repository {name} already");
                await repositories.FindOrAddAsync(session, name);
                await WriteAsync(session, name.Text, change);
                return ApiAnswer<RepositoryView>.Made((await FindAsync(http, session, name.Text))!);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<RepositoryView>> ChangeAsync(
        HttpContext http, string name, [FromBody] RepositoryChange sent)
    {
        if (FindFault(sent) is { } fault) return fault;
        if (sent.IsOfficial is not null && !http.Caller().IsAdministrator)
            return ApiError.Denied("only administrators say what is official");
        return await changes.RunAsync<ApiAnswer<RepositoryView>>(
            async session =>
            {
                if (await FindAsync(http, session, name) is not { } shown) return NotFound();
                if (!http.IsFor(shown.WithoutUse())) return ApiError.Changed();
                await WriteAsync(session, name, sent);
                var view = (await FindAsync(http, session, name))!;
                return ApiAnswer<RepositoryView>.Tagged(view, view.WithoutUse());
            },
            http.RequestAborted);
    }

    /// <summary>Puts all of it into the trash.</summary>
    public async Task<ApiDone> RemoveAsync(HttpContext http, string name)
    {
        var shown = await database.ReadAsync(session => FindAsync(http, session, name), http.RequestAborted);
        if (shown is null) return NotFound();
        if (!http.IsFor(shown.WithoutUse())) return ApiError.Changed();
        var removed = await removal.RemoveRepositoryAsync(
            RepositoryName.Parse(name), http.Actor(), http.RequestAborted);
        return removed.Outcome switch
        {
            RemovalOutcome.Unknown => NotFound(),
            RemovalOutcome.Immutable => ApiError.Of(RegistryError.TagImmutable(removed.Rule!)),
            _ => ApiDone.Done,
        };
    }

    private static long? AccountOf(HttpContext http) => http.Caller().Rights.Account?.Account.Id;

    private static async ValueTask<RepositoryView?> FindAsync(HttpContext http, Session session, string name) =>
        await DescribedRepositoryTable.FindAsync(session, name, AccountOf(http)) is { } row
            ? RepositoryView.Of(row, await DescribedRepositoryTable.ReadmeAsync(session, name)) with
            {
                Source = SourceView.Of(await DescribedRepositoryTable.NewestSaysAsync(session, name)),
            }
            : null;

    private static async ValueTask WriteAsync(Session session, string name, RepositoryChange change)
    {
        if (change.IsPublic is { } isPublic) await NamespaceTable.SetPublicAsync(session, name, isPublic);
        if (change.IsOfficial is { } isOfficial)
            await DescribedRepositoryTable.SetOfficialAsync(session, name, isOfficial);
        if (change.Description is { } description)
            await DescribedRepositoryTable.DescribeAsync(session, name, description.Length == 0 ? null : description);
        if (change.Readme is { } readme)
            await DescribedRepositoryTable.SetReadmeAsync(session, name, readme.Length == 0 ? null : readme);
    }

    private static ApiError? FindFault(RepositoryChange change)
    {
        if (change.Description is { } text && PlainText.Of(text, MaxDescriptionChars) != text)
            return Fault("description", $"is one line of plain text, at most {MaxDescriptionChars} characters");
        if (change.Readme is not { } readme) return null;
        if (readme.Contains('\0')) return Fault("readme", "has no NUL characters");
        var bytes = Encoding.UTF8.GetByteCount(readme);
        return bytes > MaxReadmeBytes
            ? Fault("readme", $"has {bytes:N0} bytes; it may have {MaxReadmeBytes:N0}")
            : null;

        static ApiError Fault(string field, string what) => ApiError.Invalid($"{field} {what}").At(field);
    }

    private static ApiError NotFound() => ApiError.NotFound("such repository");
}
