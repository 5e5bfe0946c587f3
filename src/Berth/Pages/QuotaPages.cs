using Berth.Api;
using Berth.Identity;
using Berth.Settings;

namespace Berth.Pages;

/// <summary>What the page of quotas shows.</summary>
/// <param name="Namespace">Of which namespace; empty: of all.</param>
/// <param name="Quotas">A page of them.</param>
/// <param name="Changed">The one that the form is to change; null: it sets a new one.</param>
/// <param name="Version">Its version; null if it has none yet.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record QuotasPage(
    string Namespace, PageList<QuotaView> Quotas, QuotaView? Changed, long? Version, FormContent? Sent);

/// <summary>What the page that removes a quota shows.</summary>
internal sealed record QuotaRemoval(QuotaView Quota, long? Version);

/// <summary><c>/settings/quotas</c>: how much namespaces and repositories may keep.</summary>
internal sealed class QuotaPages(QuotaEndpoints quotas)
{
    public const string Path = "/settings/quotas";
    public const string Removal = Path + "/remove";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> SetAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var scope = sent.Text("scope").Trim();
        if (!TryRead(sent, out var quota, out var fault)) return new FormAnswer(await AgainAsync(fault!), null);

        // What the page does not show stays as it is; and the audit log names the scope.
        var present = (await quotas.GetAsync(http, scope)).Value;
        if (present is { IsDefault: false })
        {
            if (!http.HasCondition())
            {
                return new FormAnswer(
                    await AgainAsync(ApiError.Conflict($"{scope} has a quota already: change that one").At("scope")),
                    null);
            }

            quota = quota with { WarnPercent = present.WarnPercent };
        }

        http.Request.RouteValues["scope"] = scope;
        return await PageForms.EndAsync(
            http, await quotas.PutAsync(http, scope, quota), Said.At(Path, Said.Saved), AgainAsync);

        Task<IResult> AgainAsync(ApiError error) => ShowAsync(http, new FormContent(Path, sent, error));
    });

    public async Task<IResult> AskToRemoveAsync(HttpContext http)
    {
        var scope = http.Request.Query["scope"].ToString();
        return await quotas.GetAsync(http, scope) is var answer && answer.Value is { } quota
            ? new PageResult(new Pages_RemoveQuota { Model = new QuotaRemoval(quota, answer.Version) })
            : ProblemPage.Of(http, answer.Error!);
    }

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        http.Request.RouteValues["scope"] = sent.Text("scope");
        return await PageForms.EndAsync(
            http, await quotas.RemoveAsync(http, sent.Text("scope")), Said.At(Path, Said.Removed),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error)));
    });

    private static bool TryRead(PageBody sent, out NewQuota quota, out ApiError? fault)
    {
        (quota, fault) = (new NewQuota(), null);
        long? bytes = null, tags = null;
        if (sent.Text("maxBytes").Trim() is { Length: > 0 } size)
        {
            if (!SettingsText.TryParseTypedSize(size.Replace(" ", ""), out var given))
                fault = ApiError.Invalid("maxBytes is a size such as 500MB or 10GB, or empty").At("maxBytes");
            bytes = given;
        }

        if (sent.Text("maxTags").Trim() is { Length: > 0 } count)
        {
            if (!long.TryParse(count, System.Globalization.NumberStyles.None, null, out var given))
                fault ??= ApiError.Invalid("maxTags is a number, or empty").At("maxTags");
            tags = given;
        }

        quota = new NewQuota(bytes, tags);
        return fault is null;
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var space = http.Request.Query["namespace"].ToString() is { Length: > 0 } given ? given
            : http.Caller().IsStaff ? null : http.Caller().Name;
        var listed = await quotas.ListAsync(http, space);

        // The namespace that the settings give a quota has none of its own yet.
        var scope = sent is null ? http.Request.Query["scope"].ToString()
            : sent.Version is not null || sent.Sent?.Text("version") is { Length: > 0 } ? sent.Text("scope", "") : "";
        var changed = scope.Length > 0 && http.Caller().IsAdministrator ? await quotas.GetAsync(http, scope) : null;
        var version = changed?.Value is { IsDefault: false } ? changed.Version : null;
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Quotas
                {
                    Model = new QuotasPage(
                        space ?? "", PageList<QuotaView>.Of(http, listed.Value!), changed?.Value, version, sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }
}
