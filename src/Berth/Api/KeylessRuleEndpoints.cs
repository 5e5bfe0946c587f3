using System.Globalization;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>What tokens of an issuer with certain claims may do (docs/sign-in-keyless.md).</summary>
/// <param name="Id">A number; for a rule of the settings, the issuer and its place there: <c>github.1</c>.</param>
/// <param name="Source"><c>database</c>, or <c>settings</c>, where alone it can be changed.</param>
/// <param name="Issuer">The issuer's name in the settings.</param>
/// <param name="If">The condition on the claims.</param>
/// <param name="Actions">What it allows.</param>
/// <param name="Names">In which repositories, as patterns.</param>
/// <param name="User">The name for logs, with claims in braces; null: the token's subject.</param>
/// <param name="Fault">Why it allows nothing, such as an issuer that is not in the settings any more; or null.</param>
/// <param name="CreatedAt">When it was made; null for one of the settings.</param>
/// <param name="CreatedBy">By whom.</param>
/// <param name="Version">For If-Match.</param>
internal sealed record KeylessRuleView(
    string Id, string Source, string Issuer, string If, IReadOnlyList<string> Actions, IReadOnlyList<string> Names,
    string? User, string? Fault, DateTimeOffset? CreatedAt = null, string? CreatedBy = null, long? Version = null);

/// <summary>A rule to be made, or to take the place of another.</summary>
internal sealed record NewKeylessRule(
    string Issuer, string If, IReadOnlyList<string> Actions, IReadOnlyList<string> Names, string? User = null);

/// <summary>
/// <c>/keyless-rules</c>: what tokens of issuers may do. Which issuers are trusted stays in the settings, and so do the
/// rules there, which are shown too.
/// </summary>
/// <param name="database">The other rules.</param>
/// <param name="changes">Changes them.</param>
/// <param name="settings">The issuers; null if no tokens are accepted.</param>
/// <param name="clock">The time.</param>
internal sealed class KeylessRuleEndpoints(
    Database database, AccessChanges changes, KeylessSettings? settings, TimeProvider clock)
{
    /// <summary>Patterns are stored in one line.</summary>
    private const int MaxPatterns = 50;

    private const string NoIssuers =
        "the settings have no auth.keyless: name the issuers whose tokens are accepted there, and restart";

    private readonly List<KeylessRuleView> ofSettings = [.. (settings?.Issuers ?? []).SelectMany(
        issuer => issuer.Rules.Select((rule, i) => new KeylessRuleView(
            string.Create(CultureInfo.InvariantCulture, $"{issuer.Name}.{i + 1}"), "settings", issuer.Name, rule.If,
            rule.Actions, rule.Names, rule.User, Fault: null)))];

    /// <summary>Those of the settings come first.</summary>
    public async Task<ApiAnswer<Listed<KeylessRuleView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var place = ofSettings.FindIndex(rule => rule.Id == page.Last);
        var rules = page.LastId > 0 ? [] : ofSettings.Skip(place + 1).Take(page.Count + 1).ToList();
        var left = page.Count + 1 - rules.Count;
        if (left > 0)
        {
            var rows = await database.ReadAsync(
                session => KeylessRuleTable.ListAsync(session, page.LastId, left), http.RequestAborted);
            rules.AddRange(rows.Select(Of));
        }

        return http.Answer(page, rules, rule => rule.Id);
    }

    public async Task<ApiAnswer<KeylessRuleView>> GetAsync(HttpContext http, string id)
    {
        if (FindInSettings(id) is { } rule) return rule;
        return await database.ReadAsync(session => FindAsync(session, id), http.RequestAborted) is { } row
            ? ApiAnswer<KeylessRuleView>.Of(Of(row), row.Version)
            : NotFound();
    }

    public async Task<ApiAnswer<KeylessRuleView>> AddAsync(HttpContext http, [FromBody] NewKeylessRule sent)
    {
        if (Check(sent, out var rule) is { } fault) return fault;
        rule = rule with { CreatedAt = clock.GetUtcNow(), CreatedBy = http.Caller().Name };
        return await changes.RunAsync<ApiAnswer<KeylessRuleView>>(
            async session =>
            {
                if (await KeylessRuleTable.CountAsync(session) >= settings!.StoredRules)
                {
                    return ApiError.Conflict(
                        $"there are {settings.StoredRules} rules already (auth.keyless.storedrules): remove some, or "
                        + "write wider ones");
                }

                var added = await KeylessRuleTable.AddAsync(session, rule);
                return ApiAnswer<KeylessRuleView>.Made(Of(added), added.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<KeylessRuleView>> ReplaceAsync(
        HttpContext http, string id, [FromBody] NewKeylessRule sent)
    {
        if (FindInSettings(id) is not null) return OfSettings(id);
        if (Check(sent, out var rule) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<KeylessRuleView>>(
            async session =>
            {
                if (await FindAsync(session, id) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = await KeylessRuleTable.UpdateAsync(
                    session,
                    rule with
                    {
                        Id = row.Id,
                        CreatedAt = row.CreatedAt,
                        CreatedBy = row.CreatedBy,
                        Version = row.Version,
                    });
                return ApiAnswer<KeylessRuleView>.Of(Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string id)
    {
        if (FindInSettings(id) is not null) return OfSettings(id);
        return await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, id) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                await KeylessRuleTable.RemoveAsync(session, row.Id);
                return null;
            },
            http.RequestAborted);
    }

    /// <summary>Why a rule can't be kept; null if it can.</summary>
    private ApiError? Check(NewKeylessRule sent, out KeylessRuleRow rule)
    {
        var actions = Roles.TryRead(sent.Actions);
        rule = new KeylessRuleRow(
            0, sent.Issuer, sent.If, actions is { } known ? Roles.Write(known) : "", string.Join(' ', sent.Names))
        {
            UserName = Field.Change(null, sent.User),
        };
        if (settings is null) return ApiError.Conflict(NoIssuers);
        if (Field.FindFault(("issuer", sent.Issuer), ("user", sent.User)) is { } wrong) return wrong;
        if (actions is null) return Field.InvalidActions();
        if (sent.Names.Count is 0 or > MaxPatterns)
            return ApiError.Invalid($"names are at least one and at most {MaxPatterns} patterns").At("names");
        if (Field.TryRead(sent.Names, out _) is { } invalid) return invalid;
        if (sent.If.Contains('\0')) return ApiError.Invalid("if has no NUL characters").At("if");
        var found = new List<(string Part, string Reason)>();
        KeylessRules.Read(settings, rule, (part, reason) => found.Add((part, reason)));
        var fault = ApiError.Invalid(string.Join("; ", found.Select(one => $"{one.Part}: {one.Reason}")));
        return found.Count == 0 ? null : found.Count == 1 ? fault.At(found[0].Part) : fault;
    }

    private KeylessRuleView Of(KeylessRuleRow row)
    {
        var text = KeylessRules.TextOf(row);
        return new KeylessRuleView(
            row.Id.ToString(CultureInfo.InvariantCulture), "database", row.Issuer, text.If, text.Actions, text.Names,
            text.User, FindFault(row), row.CreatedAt, row.CreatedBy, row.Version);
    }

    private string? FindFault(KeylessRuleRow row)
    {
        if (settings is null) return NoIssuers;
        string? fault = null;
        KeylessRules.Read(settings, row, (part, reason) => fault ??= $"{part}: {reason}");
        return fault;
    }

    private KeylessRuleView? FindInSettings(string id) => ofSettings.Find(rule => rule.Id == id);

    private static async ValueTask<KeylessRuleRow?> FindAsync(Session session, string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? await KeylessRuleTable.FindAsync(session, id)
            : null;

    private static ApiError OfSettings(string id) => ApiError.Conflict(
        $"the rule {id} is in the settings (auth.keyless.issuers): change it there, and restart");

    private static ApiError NotFound() => ApiError.NotFound("such rule");
}
