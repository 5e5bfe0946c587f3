namespace Berth.Pages;

/// <summary>The links to the pages about the registry, and about what stays and goes in it.</summary>
internal static class RegistryLinks
{
    public static IReadOnlyList<SettingsLink> All { get; } =
    [
        Of(RulePages.Rules, "tag", words => words.Rules, HasAccount),
        Of(TrustPages.Path, "shield", words => words.Trust, HasAccount),
        Of(PolicyPages.Path, "lock", words => words.Policies, HasAccount),
        Of(WaiverPages.Path, "check", words => words.Waivers, HasAccount),
        Of(GarbagePages.Trash, "trash-2", words => words.Trash, HasAccount),
        Of(QuotaPages.Path, "layers", words => words.Quotas, HasAccount),
        Of("/settings/health", "shield", words => words.Health, IsStaff),
        Of("/settings/storage", "package", words => words.Storage, IsStaff),
        Of(RulePages.Retention, "history", words => words.Retention, IsStaff),
        Of(PinPages.Path, "lock", words => words.Pins, IsStaff),
        Of(GarbagePages.Garbage, "folder", words => words.Garbage, IsStaff),
        Of("/settings/jobs", "settings", words => words.Jobs, IsStaff),
        Of("/settings/uploads", "upload", words => words.Uploads, IsStaff),
        Of("/settings/scrub", "search", words => words.Scrub, IsStaff),
        Of(VulnerabilityDataPages.Path, "shield", words => words.VulnerabilitiesTab, IsStaff),
        Of(WorkPages.Backups, "copy", words => words.Backups, IsStaff),
        Of("/settings/imports", "download", words => words.Imports, frame => frame.IsAdministrator),
        Of("/settings/audit", "file", words => words.AuditLog, IsStaff),
    ];

    private static SettingsLink Of(string path, string icon, Func<English, string> text, Func<Frame, bool> isFor) =>
        new(SettingsGroup.Registry, path, icon, text, isFor);

    private static bool IsStaff(Frame frame) => frame.IsStaff;

    private static bool HasAccount(Frame frame) => frame.HasAccount || frame.IsStaff;
}
