using System.Globalization;
using System.Text.Json.Serialization;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>An entry of the audit log (docs/audit.md).</summary>
internal sealed record AuditView(
    long Id, [property: JsonConverter(typeof(AuditTimeJson))] DateTimeOffset Time, string Action, string Result,
    string Actor, string Method, long? Token, string? Address, string? Agent, string? Repository, string? Target,
    string? Digest, string? Detail, string? RequestId)
{
    public static AuditView Of(AuditEntry entry) => new(
        entry.Id, entry.At, entry.Action, entry.Result, entry.Actor, entry.Method, entry.SecretId, entry.Address,
        entry.Agent, entry.Repository, entry.Target, entry.Digest, entry.Detail, entry.RequestId);
}

/// <summary><c>/audit</c>: who did what, the newest first.</summary>
internal sealed class AuditEndpoints(Database database)
{
    /// <summary>The filters of the list, in its query.</summary>
    public static readonly string[] Filters = ["actor", "repository", "action", "result", "since", "until"];

    /// <summary>A filter that leaves out what was only read, pulled or signed in to.</summary>
    public const string Changes = "changes";

    public async Task<ApiAnswer<Listed<AuditView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        if (!TryReadTime(http, "since", out var since)) return NoTime("since");
        if (!TryReadTime(http, "until", out var until)) return NoTime("until");
        if (TextOf(http, "result") is not (null or "done" or "denied"))
            return ApiError.Invalid("result is either done or denied").At("result");
        if (TextOf(http, Changes) is not (null or "true" or "false"))
            return ApiError.Invalid($"{Changes} is either true or false").At(Changes);
        var filter = new AuditFilter(
            TextOf(http, "actor"), TextOf(http, "repository"), TextOf(http, "action"), TextOf(http, "result"), since,
            until, OnlyChanges: TextOf(http, Changes) == "true");
        var entries = await database.ReadAsync(
            session => AuditTable.ListAsync(
                session, filter, page.LastId == 0 ? null : page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(
            page, entries.ConvertAll(AuditView.Of), entry => entry.Id.ToString(CultureInfo.InvariantCulture));
    }

    private static ApiError NoTime(string name) =>
        ApiError.Invalid($"{name} is a time such as 2026-11-26T07:00:00Z").At(name);

    private static string? TextOf(HttpContext http, string name) =>
        http.Request.Query[name] is [{ Length: > 0 } text, ..] ? text.Split('\0')[0] : null;

    private static bool TryReadTime(HttpContext http, string name, out DateTimeOffset? time)
    {
        time = null;
        if (TextOf(http, name) is not { } text) return true;
        var isTime = DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed);
        if (isTime) time = parsed;
        return isTime;
    }
}
