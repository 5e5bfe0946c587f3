using Berth.Api;

namespace Berth.Pages;

/// <content>The pages about the registry as a whole, and about what stays and goes in it.</content>
internal static partial class SettingsRoutes
{
    private const string APolicy = PolicyPages.Path + "/{id:long}";
    private const string ARule = RulePages.Rules + "/{id:long}";

    private static void MapRegistry(Table table)
    {
        var work = table.Get<WorkPages>();
        table.Watched("/settings/health", ApiRight.Staff, work.ShowHealthAsync);
        table.Watched("/settings/jobs", ApiRight.Staff, work.ShowJobsAsync);
        table.Page("/settings/uploads", ApiRight.Staff, "GET /api/v1/uploads", work.ShowUploadsAsync);
        table.Page("/settings/storage", ApiRight.Staff, "GET /api/v1/usage/largest", work.ShowStorageAsync);
        table.Watched("/settings/scrub", ApiRight.Staff, work.ShowScrubAsync);
        table.Page("/settings/imports", ApiRight.Administrator, "GET /api/v1/imports", work.ShowImportsAsync);
        table.Page(
            "/settings/imports/{id:long}", ApiRight.Administrator, "GET /api/v1/imports/{id}", work.ShowImportAsync);
        table.Page("/settings/audit", ApiRight.Staff, "GET /api/v1/audit", table.Get<AuditPages>().ShowAsync);
        table.Watched(WorkPages.Backups, ApiRight.Staff, work.ShowBackupsAsync);
        table.Form(WorkPages.BackupNow, ApiRight.Administrator, "POST /api/v1/backups", work.BackUpAsync);
        table.Form(
            WorkPages.Verification, ApiRight.Administrator, "POST /api/v1/backups/verification", work.VerifyAsync);
        var known = table.Get<VulnerabilityDataPages>();
        table.Page(VulnerabilityDataPages.Path, ApiRight.Staff, "GET /api/v1/vulnerabilities", known.ShowAsync);
        table.Form(
            VulnerabilityDataPages.Update, ApiRight.Administrator, "POST /api/v1/vulnerabilities/updates",
            known.UpdateAsync);
        MapGarbage(table, table.Get<GarbagePages>());
        MapQuotas(table, table.Get<QuotaPages>());
        MapRules(table, table.Get<RulePages>());
        MapPins(table, table.Get<PinPages>());
        MapTrust(table, table.Get<TrustPages>());
        MapPolicies(table, table.Get<PolicyPages>(), table.Get<WaiverPages>());
    }

    private static void MapPolicies(Table table, PolicyPages policies, WaiverPages waivers)
    {
        table.Page(PolicyPages.Path, ApiRight.Account, "GET /api/v1/policies", policies.ShowAsync);
        table.Form(PolicyPages.Path, ApiRight.Account, "POST /api/v1/policies", policies.AddAsync);
        table.Form(PolicyPages.Preview, ApiRight.Account, "POST /api/v1/policies/plan", policies.PreviewAsync);
        table.Page(APolicy, ApiRight.Account, "GET /api/v1/policies/{id}", policies.ShowOneAsync);
        table.Form(APolicy, ApiRight.Account, "PUT /api/v1/policies/{id}", policies.ReplaceAsync);
        table.Form(
            APolicy + "/preview", ApiRight.Account, "POST /api/v1/policies/plan", policies.PreviewChangeAsync);
        table.Confirmed(
            APolicy + "/remove", ApiRight.Account, "DELETE /api/v1/policies/{id}", policies.AskToRemoveAsync,
            policies.RemoveAsync);
        table.Page(WaiverPages.Path, ApiRight.Account, "GET /api/v1/waivers", waivers.ShowAsync);
        table.Form(WaiverPages.Path, ApiRight.Account, "POST /api/v1/waivers", waivers.AddAsync);
        table.Confirmed(
            WaiverPages.Removal, ApiRight.Account, "DELETE /api/v1/waivers/{id}", waivers.AskToRemoveAsync,
            waivers.RemoveAsync);
    }

    private static void MapTrust(Table table, TrustPages trust)
    {
        table.Page(TrustPages.Path, ApiRight.Account, "GET /api/v1/trust", trust.ShowAsync);
        table.Form(TrustPages.Path, ApiRight.Account, "PUT /api/v1/trust/{kind}/{name}", trust.AddAsync);
        table.Confirmed(
            TrustPages.Removal, ApiRight.Account, "DELETE /api/v1/trust/{kind}/{name}", trust.AskToRemoveAsync,
            trust.RemoveAsync);
    }

    private static void MapGarbage(Table table, GarbagePages garbage)
    {
        table.Watched(GarbagePages.Garbage, ApiRight.Staff, garbage.ShowGarbageAsync);
        table.Confirmed(
            GarbagePages.Collecting, ApiRight.Administrator, "POST /api/v1/garbage-collections",
            garbage.AskToCollectAsync, garbage.CollectAsync);
        table.Page(GarbagePages.Trash, ApiRight.SignedIn, "GET /api/v1/trash", garbage.ShowTrashAsync);
        table.Form(
            GarbagePages.Trash + "/{id:long}/restore", ApiRight.SignedIn, "POST /api/v1/trash/{id}/restore",
            garbage.RestoreAsync);
        table.Confirmed(
            GarbagePages.Emptying, ApiRight.Account, "POST /api/v1/trash/empty", garbage.AskToEmptyAsync,
            garbage.EmptyAsync);
    }

    private static void MapQuotas(Table table, QuotaPages quotas)
    {
        table.Page(QuotaPages.Path, ApiRight.Account, "GET /api/v1/quotas", quotas.ShowAsync);
        table.Form(QuotaPages.Path, ApiRight.Administrator, "PUT /api/v1/quotas/{scope}", quotas.SetAsync);
        table.Confirmed(
            QuotaPages.Removal, ApiRight.Administrator, "DELETE /api/v1/quotas/{scope}", quotas.AskToRemoveAsync,
            quotas.RemoveAsync);
    }

    private static void MapRules(Table table, RulePages rules)
    {
        table.Page(RulePages.Rules, ApiRight.Account, "GET /api/v1/tag-rules", rules.ShowRulesAsync);
        table.Form(RulePages.Rules, ApiRight.Account, "POST /api/v1/tag-rules", rules.AddAsync);
        table.Form(RulePages.Preview, ApiRight.Account, "POST /api/v1/tag-rules/plan", rules.PreviewAsync);
        table.Page(ARule, ApiRight.Account, "GET /api/v1/tag-rules/{id}", rules.ShowRuleAsync);
        table.Form(ARule, ApiRight.Account, "PUT /api/v1/tag-rules/{id}", rules.ReplaceAsync);
        table.Form(
            ARule + "/preview", ApiRight.Account, "POST /api/v1/tag-rules/plan", rules.PreviewChangeAsync);
        table.Confirmed(
            ARule + "/remove", ApiRight.Account, "DELETE /api/v1/tag-rules/{id}", rules.AskToRemoveAsync,
            rules.RemoveAsync);
        table.Watched(RulePages.Retention, ApiRight.Staff, rules.ShowRetentionAsync);
        table.Confirmed(
            RulePages.Run, ApiRight.Account, "POST /api/v1/retention/runs", rules.AskToRunAsync,
            rules.RunAsync);
    }

    private static void MapPins(Table table, PinPages pins)
    {
        const string One = "/api/v1/pins/{list}";
        table.Page(PinPages.Path, ApiRight.Staff, "GET /api/v1/pins", pins.ListAsync);
        table.Form(PinPages.Path, ApiRight.Account, $"PUT {One}", pins.AddAsync, PageRoutes.MaxLongForm);
        table.Page(PinPages.List, ApiRight.Account, $"GET {One}", pins.ShowAsync);
        table.Form(PinPages.List, ApiRight.Account, $"PUT {One}", pins.ReplaceAsync, PageRoutes.MaxLongForm);
        table.Confirmed(PinPages.Removal, ApiRight.Account, $"DELETE {One}", pins.AskToRemoveAsync, pins.RemoveAsync);
    }
}
