using System.Globalization;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Sign-in at GitHub, which has no OpenID for people: its OAuth, and then its API for who it is. Organizations are
/// groups, and <c>organization/team</c> is one too.
/// </summary>
internal sealed class GitHubSignIn(OpenIdSettings settings, TimeProvider clock) : BrowserSignIn(settings)
{
    private const int PageSize = 100;

    /// <summary>A thousand organizations, and a thousand teams.</summary>
    private const int MaxPages = 10;

    private readonly string site = settings.IssuerOrDefault.TrimEnd('/');

    /// <summary>The public GitHub has its API at a host of its own, an enterprise's below a path.</summary>
    private string Api => site == "https://github.com" ? "https://api.github.com" : site + "/api/v3";

    public override ValueTask<string?> FindPageAsync(
        SignInAttempt attempt, string returnUrl, CancellationToken cancellation) => new(WithQuery(
            site + "/login/oauth/authorize", ("client_id", Settings.ClientId), ("redirect_uri", returnUrl),
            ("scope", Settings.ScopeOrDefault), ("state", attempt.State), ("code_challenge", attempt.Challenge),
            ("code_challenge_method", "S256")));

    public override async Task<BrowserAnswer> FinishAsync(
        SignInAttempt attempt, IQueryCollection query, string returnUrl, CancellationToken cancellation)
    {
        if (query["code"] is not [{ Length: > 0 } code]) return BrowserAnswer.Refused("the answer has no code");
        using var calls = new SignInCalls(Settings, clock, cancellation);
        var redeemed = await calls.PostAsync(
            site + "/login/oauth/access_token",
            new Dictionary<string, string>
            {
                ["client_id"] = Settings.ClientId,
                ["client_secret"] = await ReadSecretAsync(cancellation) ?? "",
                ["code"] = code,
                ["redirect_uri"] = returnUrl,
                ["code_verifier"] = attempt.Verifier,
            },
            credentials: null);
        if (redeemed.Fault is not null) return BrowserAnswer.Of(redeemed);
        if (SignInCalls.TextOf(redeemed.Json, "access_token") is not { } token)
            return BrowserAnswer.Refused("there is no access token");
        var user = await calls.GetAsync(Api + "/user", token);
        if (user.Fault is not null) return BrowserAnswer.Of(user);
        if (SignInCalls.TextOf(user.Json, "login") is not { Length: > 0 } login
            || !user.Json.TryGetProperty("id", out var id) || !id.TryGetInt64(out var number))
        {
            return BrowserAnswer.Refused("GitHub does not say who the user is");
        }

        var (email, fault) = await FindEmailAsync(calls, token);
        if (fault is { } noEmail) return BrowserAnswer.Of(noEmail);
        (var groups, fault) = await FindGroupsAsync(calls, token);
        if (fault is { } noGroups) return BrowserAnswer.Of(noGroups);
        return new BrowserAnswer(
            new ExternalUser(
                Settings.Source, number.ToString(CultureInfo.InvariantCulture), login,
                SignInCalls.TextOf(user.Json, "name"), email, IsEmailVerified: email is not null, groups),
            null);
    }

    /// <summary>The address that GitHub has verified and the user has chosen. The profile may show any other.</summary>
    private async Task<(string? Email, CallAnswer? Fault)> FindEmailAsync(SignInCalls calls, string token)
    {
        if (!Settings.ScopeOrDefault.Contains("user", StringComparison.Ordinal)) return (null, null);
        var found = await calls.GetAsync(Api + "/user/emails", token);
        if (found.Fault is not null) return (null, found);
        foreach (var each in ItemsOf(found.Json))
        {
            if (IsTrue(each, "primary") && IsTrue(each, "verified")) return (SignInCalls.TextOf(each, "email"), null);
        }

        return (null, null);
    }

    private async Task<(List<string> Groups, CallAnswer? Fault)> FindGroupsAsync(SignInCalls calls, string token)
    {
        var groups = new List<string>();
        if (!Settings.ScopeOrDefault.Contains("org", StringComparison.Ordinal)) return (groups, null);
        var fault = await AddAllAsync("/user/orgs", item => SignInCalls.TextOf(item, "login"))
            ?? await AddAllAsync("/user/teams", TeamOf);
        return (groups, fault);

        async Task<CallAnswer?> AddAllAsync(string path, Func<JsonElement, string?> read)
        {
            for (var page = 1; page <= MaxPages; page++)
            {
                var found = await calls.GetAsync(
                    string.Create(CultureInfo.InvariantCulture, $"{Api}{path}?per_page={PageSize}&page={page}"), token);
                if (found.Fault is not null) return found;
                var items = ItemsOf(found.Json).ToList();
                groups.AddRange(items.Select(read).OfType<string>());
                if (items.Count < PageSize) break;
            }

            return null;
        }
    }

    private static string? TeamOf(JsonElement team) =>
        team.ValueKind == JsonValueKind.Object && team.TryGetProperty("organization", out var organization)
        && SignInCalls.TextOf(organization, "login") is { } owner && SignInCalls.TextOf(team, "slug") is { } slug
            ? $"{owner}/{slug}" : null;

    private static IEnumerable<JsonElement> ItemsOf(JsonElement json) =>
        json.ValueKind == JsonValueKind.Array ? json.EnumerateArray() : Enumerable.Empty<JsonElement>();

    private static bool IsTrue(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
}
