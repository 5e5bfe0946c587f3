using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A list of images in use.</summary>
internal sealed record PinListView(
    string Name, long Count, DateTimeOffset PostedAt, string PostedBy, DateTimeOffset? ExpiresAt)
{
    /// <summary>A page of them, as they were posted but for the host; null in a list.</summary>
    public IReadOnlyList<string>? Images { get; init; }

    public static PinListView Of(PinListRow row) => new(
        row.Name, row.Count, row.PostedAt, row.PostedBy, row.ExpiresAt);
}

/// <summary>Images in use, in place of those that the list had.</summary>
internal sealed record NewPinList(IReadOnlyList<string> Images, DateTimeOffset? ExpiresAt = null);

/// <summary>What was pinned, and what was not.</summary>
internal sealed record PinnedView(string Name, int Count, IReadOnlyList<string> Ignored) : INoted
{
    ChangeNote INoted.Note => new(null, $"images: {Count}");
}

/// <summary><c>/pins</c>: images that clusters run, which no rule removes.</summary>
internal sealed class PinEndpoints(Database database, ApiGate gate, TimeProvider clock)
{
    /// <summary>More than the largest clusters run.</summary>
    private const int MaxImages = 20_000;

    /// <summary>Of one account.</summary>
    private const int MaxLists = 100;

    private const int MaxNameLength = 100;

    public async Task<ApiAnswer<Listed<PinListView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => PinTable.ListAsync(session, page.Last, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(PinListView.Of), one => one.Name);
    }

    /// <summary>A list with a page of its images; its ETag is that of the list.</summary>
    public async Task<ApiAnswer<PinListView>> GetAsync(HttpContext http, string list)
    {
        if (await FindAsync(http, list) is not { } row) return NotFound();
        var page = http.Page();
        var at = page.Last.IndexOf('@', StringComparison.Ordinal);
        var last = at < 0 ? (page.Last, "") : (page.Last[(at + 1)..], page.Last[..at]);
        var pins = await database.ReadAsync(
            session => PinTable.DigestsAsync(session, row.Name, last, page.Count + 1), http.RequestAborted);
        var images = http.Answer(
            page, pins.ConvertAll(pin => pin.Repository.Length == 0 ? pin.Digest : $"{pin.Repository}@{pin.Digest}"),
            image => image);
        var view = PinListView.Of(row);
        return ApiAnswer<PinListView>.Tagged(view with { Images = images.Items }, counted: view);
    }

    /// <summary>Puts a list in the place of the old one. Images of other registries are ignored.</summary>
    public async Task<ApiAnswer<PinnedView>> PutAsync(HttpContext http, string list, [FromBody] NewPinList sent)
    {
        if (list.Length is 0 or > MaxNameLength || PlainText.Of(list) != list || list.Contains('/'))
        {
            return ApiError.Invalid($"a list's name has from 1 to {MaxNameLength} plain characters, and no slash")
                .At("list");
        }

        if (sent.Images.Count > MaxImages)
            return ApiError.Invalid($"a list has at most {MaxImages} images").At("images");
        if (sent.ExpiresAt <= clock.GetUtcNow()) return ApiError.Invalid("expiresAt is in the past").At("expiresAt");
        if (sent.Images.FirstOrDefault(image => !TryRead(image, out _, out _)) is { } wrong)
        {
            return ApiError.Invalid($"'{PlainText.Of(wrong)}' names no digest: write acme/app@sha256:…")
                .At("images");
        }

        var name = NameOf(http, list);
        var found = await database.ReadAsync(session => PinTable.FindAsync(session, name), http.RequestAborted);
        if (!http.IsFor(found is null ? NoList : PinListView.Of(found))) return ApiError.Changed();
        if (found is null && await CountAsync(http) >= MaxLists)
            return ApiError.Conflict($"{http.Caller().Name} has {MaxLists} lists already");
        var (pins, ignored) = await CheckAsync(http, sent.Images);
        await database.WriteAsync(
            async session =>
            {
                await PinTable.TrimAsync(session, clock.GetUtcNow().ToUnixTimeMilliseconds());
                await PinTable.PutAsync(
                    session,
                    new PinListRow(name, clock.GetUtcNow(), http.Caller().Name, sent.ExpiresAt?.ToUniversalTime(), 0),
                    pins);
                return true;
            },
            isDurable: true, http.RequestAborted);
        return new PinnedView(list, pins.Count, ignored);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string list)
    {
        if (await FindAsync(http, list) is not { } row || (list.Contains('/') && !http.Caller().IsAdministrator))
            return NotFound();
        if (!http.IsFor(PinListView.Of(row))) return ApiError.Changed();
        return await database.WriteAsync(
            session => PinTable.RemoveAsync(session, row.Name), isDurable: true, http.RequestAborted)
            ? ApiDone.Done : NotFound();
    }

    /// <summary>What the ETag is made of where there is no list.</summary>
    public static PinListView NoList { get; } = new("", 0, default, "", null);

    private async Task<long> CountAsync(HttpContext http) => await database.ReadAsync(
        session => PinTable.CountAsync(session, http.Caller().Name), http.RequestAborted);

    /// <summary>Lists of others have the account in front, and are there for staff alone.</summary>
    private async ValueTask<PinListRow?> FindAsync(HttpContext http, string list)
    {
        if (list.Contains('/') && !http.Caller().IsStaff) return null;
        var name = list.Contains('/') ? list : NameOf(http, list);
        return await database.ReadAsync(session => PinTable.FindAsync(session, name), http.RequestAborted);
    }

    private static string NameOf(HttpContext http, string list) => $"{http.Caller().Name}/{list}";

    /// <summary>
    /// Of private repositories that the caller may pull from, and public ones that they may push to. Images without a
    /// repository are for administrators.
    /// </summary>
    private async Task<(List<(string Digest, string Repository)> Pins, List<string> Ignored)> CheckAsync(
        HttpContext http, IReadOnlyList<string> images)
    {
        var (pins, ignored) = (new List<(string, string)>(), new List<string>());
        var known = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var image in images)
        {
            TryRead(image, out var repository, out var digest);
            if (!known.TryGetValue(repository, out var name))
                known[repository] = name = await FindPinnedAsync(http, repository);
            if (name is not null) pins.Add((digest.Text, name));
            else ignored.Add(image);
        }

        return (pins, ignored);
    }

    /// <summary>The repository in which images are pinned: a cluster may know one that was moved by its old name.
    /// </summary>
    private async ValueTask<string?> FindPinnedAsync(HttpContext http, string repository)
    {
        if (await MayPinAsync(http, repository)) return repository;
        var moved = RepositoryName.TryParse(repository, out var name)
            ? await database.ReadAsync(session => RedirectTable.FindAsync(session, name), http.RequestAborted) : null;
        return moved is not null && await MayPinAsync(http, moved) ? moved : null;
    }

    private async ValueTask<bool> MayPinAsync(HttpContext http, string repository)
    {
        if (repository.Length == 0) return http.Caller().IsAdministrator;
        if (!RepositoryName.TryParse(repository, out var name)) return false;
        var row = await database.ReadAsync(
            session => NamespaceTable.FindAsync(session, repository), http.RequestAborted);
        return row is not null && await gate.AskAsync(
            http, http.Caller(), row.IsPublic ? AccessAction.Push : AccessAction.Pull, name) is null;
    }

    /// <summary>Reads <c>[scheme://][host/]repository@digest</c>, or a digest alone.</summary>
    private static bool TryRead(string image, out string repository, out Digest digest)
    {
        var slashes = image.LastIndexOf("//", StringComparison.Ordinal);
        var text = image.AsSpan(slashes < 0 ? 0 : slashes + 2);
        var at = text.LastIndexOf('@');
        repository = at < 0 ? "" : text[..at].ToString();
        var slash = repository.IndexOf('/', StringComparison.Ordinal);

        // A host has a dot or a port, as docker tells it from a path.
        if (slash > 0 && (repository[..slash].AsSpan().ContainsAny('.', ':') || repository[..slash] == "localhost"))
            repository = repository[(slash + 1)..];
        var colon = repository.LastIndexOf(':');
        if (colon > 0) repository = repository[..colon];
        return Digest.TryParse(text[(at + 1)..].ToString(), out digest);
    }

    private static ApiError NotFound() => ApiError.NotFound("such list of pins");
}
