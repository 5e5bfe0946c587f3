using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Verifying;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>Something that says whose signatures count.</summary>
/// <param name="Kind">keys, identities, roots, stores or policies.</param>
/// <param name="Content">A key, certificates or JSON; null for an identity.</param>
internal sealed record TrustView(
    string Kind, string Name, string? Namespace, string? Content, string? Issuer, string? Subject,
    DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    ChangeNote INoted.Note => new(Name, TrustEndpoints.WordsOf(Namespace));

    public static TrustView Of(TrustRow row)
    {
        var lines = row.Kind == TrustKinds.Identity ? row.Body.Split('\n') : null;
        return new TrustView(
            row.Kind, row.Name, row.Namespace.Length == 0 ? null : row.Namespace, lines is null ? row.Body : null,
            lines?[0], lines?[^1], row.CreatedAt, row.CreatedBy, row.Version);
    }
}

/// <summary>An entry to be made, or to take the place of another: content, or of an identity issuer and subject.
/// </summary>
internal sealed record NewTrust(string? Content = null, string? Issuer = null, string? Subject = null);

/// <summary><c>/trust</c>: whose signatures count, in a namespace or in the whole registry.</summary>
internal sealed class TrustEndpoints(
    Database database, AccessChanges changes, Ownership ownership, TimeProvider clock)
{
    /// <summary>The longest content, each of whose characters may be escaped.</summary>
    public const int MaxBytes = 2 * TrustEntry.MaxBodyChars;

    /// <summary>Those of a namespace; without one, those of the registry, for staff.</summary>
    public async Task<ApiAnswer<Listed<TrustView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space, string? kind)
    {
        var page = http.Page();
        if (ownership.Ask(http.Caller(), space) is { } refusal) return refusal;
        if (await ownership.FindFaultAsync(space, http.RequestAborted) is { } fault) return fault;
        if (kind is not null && !TrustKinds.All.Contains(kind)) return UnknownKind().At("kind");
        var rows = await database.ReadAsync(
            session => TrustTable.ListAsync(
                session, space?.ToLowerInvariant() ?? "", kind, page.LastId, page.Count + 1),
            http.RequestAborted);
        var ids = rows.ToDictionary(row => (row.Kind, row.Name), row => row.Id);
        return http.Answer(page, rows.ConvertAll(TrustView.Of), one => $"{ids[(one.Kind, one.Name)]}");
    }

    public async Task<ApiAnswer<TrustView>> GetAsync(
        HttpContext http, string kind, string name, [FromQuery(Name = "namespace")] string? space)
    {
        if (ownership.Ask(http.Caller(), space) is { } refusal) return refusal;
        var row = await database.ReadAsync(
            session => TrustTable.FindAsync(session, space?.ToLowerInvariant() ?? "", kind, name),
            http.RequestAborted);
        return row is null ? NotFound() : ApiAnswer<TrustView>.Of(TrustView.Of(row), row.Version);
    }

    public async Task<ApiAnswer<TrustView>> PutAsync(
        HttpContext http, string kind, string name, [FromQuery(Name = "namespace")] string? space,
        [FromBody] NewTrust sent)
    {
        if (Refuse(http.Caller(), space) is { } refusal) return refusal;
        if (await ownership.FindFaultAsync(space, http.RequestAborted) is { } fault) return fault;
        if (Check(kind, name, space, sent, out var entry) is { } wrong) return wrong;
        entry = entry with { CreatedAt = clock.GetUtcNow(), CreatedBy = http.Caller().Name };
        var (saved, error) = await changes.RunAsync<(TrustRow? Row, ApiError? Error)>(
            async session =>
            {
                if (await TrustTable.FindAsync(session, entry.Namespace, kind, name) is { } row)
                {
                    return http.IsFor(row.Version)
                        ? (await TrustTable.UpdateAsync(session, row with { Body = entry.Body }), null)
                        : (null, ApiError.Changed());
                }

                if (http.HasCondition()) return (null, ApiError.Changed());
                return await TrustTable.CountAsync(session, entry.Namespace) < RegistryTrust.MaxEntries
                    ? (await TrustTable.AddAsync(session, entry), null)
                    : (null, ApiError.Conflict($"there are {RegistryTrust.MaxEntries} entries already: remove some"));
            },
            http.RequestAborted);
        return saved is null ? error! : ApiAnswer<TrustView>.Of(TrustView.Of(saved), saved.Version);
    }

    public async Task<ApiDone> RemoveAsync(
        HttpContext http, string kind, string name, [FromQuery(Name = "namespace")] string? space)
    {
        if (Refuse(http.Caller(), space) is { } refusal) return refusal;
        var error = await changes.RunAsync<ApiError?>(
            async session =>
            {
                if (await TrustTable.FindAsync(session, space?.ToLowerInvariant() ?? "", kind, name) is not { } row)
                    return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                await TrustTable.RemoveAsync(session, row);
                return null;
            },
            http.RequestAborted);
        if (error is null) http.Features.Set(new ChangeNote(name, WordsOf(space?.ToLowerInvariant())));
        return error;
    }

    /// <summary>Where an entry counts, for the audit log.</summary>
    public static string WordsOf(string? space) => space is null ? "in the whole registry" : $"in {space}";

    /// <summary>Why a caller may not change what counts in a namespace, or everywhere; null if they may.</summary>
    private ApiError? Refuse(ApiCaller caller, string? space)
    {
        if (caller.IsAdministrator) return null;
        if (space is null)
            return ApiError.Denied("what counts in the whole registry is for administrators: name a namespace");
        if (Ownership.TryReadNamespace(space, out var name) && ownership.Owns(caller, name)) return null;
        return caller.IsStaff ? ApiError.Denied($"{caller.Name} does not own {PlainText.Of(space)}")
            : ApiError.NotFound("such namespace");
    }

    private static ApiError? Check(string kind, string name, string? space, NewTrust sent, out TrustRow entry)
    {
        entry = new TrustRow(kind, space?.ToLowerInvariant() ?? "", name, "");
        if (!TrustKinds.All.Contains(kind)) return UnknownKind();
        if (TrustEntry.FindFaultOfName(kind, name) is { } fault) return ApiError.Invalid(fault).At("name");
        if (kind == TrustKinds.Identity)
        {
            if (sent is not { Content: null, Issuer: { } issuer, Subject: { } subject })
                return ApiError.Invalid("an identity has an issuer and a subject, and no content").At("issuer");
            try
            {
                entry = entry with { Body = TrustEntry.WriteIdentity(issuer, subject) };
                return null;
            }
            catch (FormatException e)
            {
                return ApiError.Invalid(e.Message).At("subject");
            }
        }

        if (sent is not { Content: { Length: > 0 } content, Issuer: null, Subject: null })
        {
            return ApiError.Invalid("only an identity has an issuer and a subject: the others have content")
                .At("content");
        }

        if (content.Contains('\0')) return ApiError.Invalid("content has no NUL characters").At("content");
        try
        {
            entry = entry with { Body = content };
            TrustEntry.Read(entry);
            return null;
        }
        catch (FormatException e)
        {
            return ApiError.Invalid($"this can't be used: {PlainText.Of(e.Message, 500)}").At("content");
        }
    }

    private static ApiError UnknownKind() =>
        ApiError.Invalid($"what can be trusted are {string.Join(", ", TrustKinds.All)}");

    private static ApiError NotFound() => ApiError.NotFound("such entry");
}
