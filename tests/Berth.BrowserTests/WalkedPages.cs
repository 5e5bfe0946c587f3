namespace Berth.BrowserTests;

/// <summary>
/// Where each page of the program is seen with something on it, in a <see cref="FilledRegistry"/>. A page that is new
/// in the program has no row here, and a test says so.
/// </summary>
internal static class WalkedPages
{
    private const string Settings = "/settings/", Organization = Settings + "organizations/{organization}";
    private const string Repository = "/r/{name}", Image = "/r/{name}:{reference}";

    /// <summary>Pages of what is not there.</summary>
    public static readonly string[] Absent =
    [
        "/nowhere", "/auth/join/none", "/r/team/nothing", "/r/team/app:none", "/r/team/app:none/-/files",
        "/settings/users/nobody", "/settings/organizations/nobody", "/settings/imports/999999",
        "/settings/keyless-rules/none",
    ];

    private static readonly string[] Plain =
    [
        "health", "jobs", "uploads", "storage", "scrub", "backups", "imports", "audit", "garbage", "trash",
        "trash/empty", "garbage/collect", "retention/run", "quotas", "rules", "retention", "pins", "profile", "sign-in",
        "tokens", "sessions",
        "sessions/end", "vulnerabilities", "trust", "policies", "waivers",
        "organizations", "users", "invitations", "keyless-rules",
    ];

    private static readonly string[] OfTokens = ["rotate", "revoke"];

    private static readonly string[] OfRobots = ["rotate", "delete"];

    private static readonly string[] OfUsers = ["delete", "password", "second-factors", "sign-out"];

    /// <summary>A route, and addresses of it.</summary>
    public static readonly Dictionary<string, Func<FilledRegistry, string[]>> All = new(
        OfRegistry().Concat(OfRepositories()).Concat(OfImages()).Concat(OfAccounts()).Concat(OfOrganizations()));

    private static KeyValuePair<string, Func<FilledRegistry, string[]>> Page(string route, params string[] paths) =>
        new(route, _ => paths.Length > 0 ? paths : [route]);

    private static IEnumerable<KeyValuePair<string, Func<FilledRegistry, string[]>>> OfRegistry() =>
    [
        Page("/"),
        Page("/explore", "/explore?sort=pushed", "/explore?namespace=nobody",
            "/explore?namespace=team&sort=pushed&platform=linux/amd64"),
        Page("/search", "/search?q=app", "/search", "/search?q=nothing-of-the-kind",
            "/search?q=" + Uri.EscapeDataString(FilledRegistry.Hostile), "/search?q=file:*", "/search?q=file:none",
            "/search?q=package:none", "/search?q=vulnerability:CVE-2021-44228",
            "/search?q=file:" + Uri.EscapeDataString(FilledRegistry.Hostile)),
        Page("/new", "/new", "/new?namespace=team"),
        Page("/auth/sign-in"), Page("/auth/account"), Page("/auth/register"), Page("/auth/device"),
        new("/auth/join/{secret}", filled => [filled.JoinPath]),
        Page("/settings"),
        .. Plain.Select(page => Page(Settings + page)),
        Page(Settings + "imports/{id:long}", Settings + "imports/1"),
        Page(Settings + "pins/list", Settings + "pins/list?name=ann/prod"),
        Page(Settings + "pins/remove", Settings + "pins/remove?name=ann/prod"),
        Page(Settings + "quotas/remove", Settings + "quotas/remove?scope=team"),
        Page(Settings + "trust/{space}/{kind}/{name}/remove", Settings + "trust/-/keys/release/remove"),
        Page(Settings + "policies/{id:long}", Settings + "policies/1"),
        Page(Settings + "policies/{id:long}/remove", Settings + "policies/1/remove"),
        Page(Settings + "waivers/{id:long}/remove", Settings + "waivers/1/remove"),
        Page(Settings + "rules/{id:long}", Settings + "rules/1"),
        Page(Settings + "rules/{id:long}/remove", Settings + "rules/1/remove"),
        Page(Settings + "keyless-rules/{id}", Settings + "keyless-rules/ci.1"),
        Page(Settings + "keyless-rules/{id}/delete", Settings + "keyless-rules/ci.1/delete"),
    ];

    private static IEnumerable<KeyValuePair<string, Func<FilledRegistry, string[]>>> OfRepositories() =>
    [
        Page(Repository, "/r/team/app", "/r/" + FilledRegistry.LongName, "/r/team/app?matching=none", "/r/team/empty",
            "/r/team/app?rows=images&sort=name", "/r/team/files"),
        Page(Repository + "/-/settings", "/r/team/app/-/settings"),
        Page(Repository + "/-/access", "/r/team/app/-/access"),
        Page(Repository + "/-/remove", "/r/team/app/-/remove"),
        Page(Repository + "/-/delete", "/r/team/app/-/delete?tag=1.0"),
        Page(Repository + "/-/compare", "/r/team/files/-/compare?tag=1&tag=2"),
    ];

    private static IEnumerable<KeyValuePair<string, Func<FilledRegistry, string[]>>> OfImages() =>
    [
        Page(Image, "/r/team/app:1.0", "/r/team/files:1", $"/r/team/app:{new string('v', 128)}"),
        Page(Image + "/-/tag", "/r/team/app:1.0/-/tag"),
        Page(Image + "/-/files", "/r/team/files:2/-/files", "/r/team/files:2/-/files?waste=1",
            "/r/team/files:1/-/files?path=/page.html", "/r/team/files:1/-/files?path=/logo.png",
            "/r/team/files:1/-/files?path=/picture.svg", "/r/team/files:1/-/files?q=page"),
        Page(Image + "/-/packages", "/r/team/files:2/-/packages", "/r/team/files:2/-/packages?q=nothing"),

        Page(Image + "/-/vulnerabilities", "/r/team/files:2/-/vulnerabilities"),
        Page(Image + "/-/vulnerabilities.csv", "/r/team/files:2/-/vulnerabilities.csv"),

        // None is set: a page says so.
        Page(Image + "/-/scanner", "/r/team/files:2/-/scanner?scanner=none"),

        // A bill of materials is no page, but if there is none, a page says so.
        Page(Image + "/-/sbom", "/r/team/files:2/-/sbom?format=none"),
        Page(Image + "/-/compare", "/r/team/files:1/-/compare", "/r/team/files:1/-/compare?to=2"),
        Page(Image + "/-/referrers", "/r/team/files:1/-/referrers", "/r/team/app:1.0/-/referrers"),
        new(Image + "/-/layer", filled => [$"/r/team/files:1/-/layer?layer={filled.Layer}"]),
        Page(Image + "/-/json", "/r/team/files:1/-/json"),
        new(Image + "/-/history", filled =>
            ["/r/team/files:moved/-/history", $"/r/team/files:moved/-/history?to={filled.Before}"]),

        // A picture is no page, but if there is none, a page says so.
        Page(Image + "/-/picture", "/r/team/files:1/-/picture?path=/picture.svg"),
    ];

    private static IEnumerable<KeyValuePair<string, Func<FilledRegistry, string[]>>> OfAccounts() =>
    [
        .. OfTokens.Select(page => Page(
            Settings + "tokens/{id:long}/" + page, Settings + "tokens/1/" + page)),
        Page(Settings + "access", Settings + "access?namespace=acme", Settings + "access?namespace=empty"),
        Page(Settings + "access/{id:long}/remove", Settings + "access/1/remove"),
        Page(Settings + "robots", Settings + "robots?namespace=acme", Settings + "robots?namespace=empty"),
        Page(Settings + "robots/{name}", Settings + "robots/robot.acme.ci"),
        .. OfRobots.Select(page => Page(
            Settings + "robots/{name}/" + page, Settings + "robots/robot.acme.ci/" + page)),
        Page(Settings + "users/{name}", Settings + "users/ann", Settings + "users/" + FilledRegistry.LongUser),
        .. OfUsers.Select(page => Page(
            Settings + "users/{name}/" + page, Settings + $"users/{FilledRegistry.LongUser}/{page}")),
        Page(Settings + "users/{name}/tokens/{id:long}/revoke", Settings + "users/ann/tokens/1/revoke"),
        Page(Settings + "users/{name}/tokens/{id:long}/rotate", Settings + "users/ann/tokens/1/rotate"),
        Page(Settings + "invitations/{id:long}/withdraw", Settings + "invitations/1/withdraw"),
    ];

    private static IEnumerable<KeyValuePair<string, Func<FilledRegistry, string[]>>> OfOrganizations() =>
    [
        Page(Organization, At("acme"), At("empty")),
        Page(Organization + "/members/{user}", At("acme/members/" + FilledRegistry.LongUser)),
        Page(Organization + "/members/{user}/remove", At($"acme/members/{FilledRegistry.LongUser}/remove")),
        Page(Organization + "/settings", At("acme/settings")),
        Page(Organization + "/delete", At("acme/delete")),
        Page(Organization + "/teams", At("acme/teams"), At("empty/teams")),
        Page(Organization + "/teams/{team}", At("acme/teams/dev")),
        Page(Organization + "/teams/{team}/delete", At("acme/teams/dev/delete")),
    ];

    private static string At(string page) => Settings + "organizations/" + page;
}
