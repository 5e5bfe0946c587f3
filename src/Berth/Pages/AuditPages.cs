using System.Globalization;
using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of the audit log shows.</summary>
/// <param name="Entries">A page of it; null if what was typed can't be read.</param>
/// <param name="Fields">What the address filters by.</param>
/// <param name="Fault">What is wrong with it.</param>
internal sealed record AuditPage(
    PageList<AuditView>? Entries, IReadOnlyDictionary<string, string> Fields, ApiError? Fault);

/// <summary><c>/settings/audit</c>: who did what.</summary>
internal sealed class AuditPages(AuditEndpoints audit)
{
    public const string Path = "/settings/audit";

    /// <summary>Shows what was changed or refused, unless reads are asked for, too, or one action.</summary>
    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var fields = AuditEndpoints.Filters.Append(AuditEndpoints.Changes).ToDictionary(
            name => name, name => http.Request.Query[name].ToString(), StringComparer.Ordinal);
        if (fields[AuditEndpoints.Changes].Length == 0)
        {
            fields[AuditEndpoints.Changes] = fields["action"].Length == 0 ? "true" : "false";
            http.Request.QueryString = http.Request.QueryString.Add(
                AuditEndpoints.Changes, fields[AuditEndpoints.Changes]);
        }

        var answer = await audit.ListAsync(http);
        var isOfField = answer.Error?.Field is { } field && fields.ContainsKey(field);
        return answer.Error is { } error && !isOfField
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Audit
                {
                    Model = new AuditPage(
                        answer.Value is { } listed ? PageList<AuditView>.Of(http, listed) : null, fields,
                        answer.Error),
                },
                answer.Error?.Status ?? StatusCodes.Status200OK);
    }

    /// <summary>A time as fields of browsers have it, in UTC; what is no time stays as it is.</summary>
    public static string Local(string text) => DateTimeOffset.TryParse(
        text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
        out var time) ? time.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture) : text;
}
