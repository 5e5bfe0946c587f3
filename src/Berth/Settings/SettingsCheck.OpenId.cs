namespace Berth.Settings;

/// <summary>The checks of the systems at whose pages people sign in.</summary>
internal sealed partial class SettingsCheck
{
    private const string OpenIdKey = "auth.oidc";

    private static readonly string[] PublicSystems =
        ["https://github.com", "https://gitlab.com", "https://accounts.google.com"];

    private void CheckOpenId(IReadOnlyList<OpenIdSettings> all)
    {
        for (var i = 0; i < all.Count; i++)
        {
            CheckOpenId($"{OpenIdKey}.{i}", all[i]);
            if (all.Take(i).Any(other => other.Name == all[i].Name))
                Error($"{OpenIdKey}.{i}.name", "is the name of an entry above; each needs its own");
        }
    }

    private void CheckOpenId(string key, OpenIdSettings one)
    {
        if (!IsIssuerName(one.Name))
            Error(key + ".name", "set a short name of lower-case letters, digits and '-', such as keycloak");
        if (one.IssuerOrDefault.Length == 0)
            Error(key + ".issuer", "set this to the issuer's URL, such as https://sso.example.com/realms/main");
        else if (!IsIssuerUrl(one.IssuerOrDefault))
            Error(key + ".issuer", "must be a URL such as https://sso.example.com; http:// only on this machine");
        if (one.ClientId.Length == 0)
            Error(key + ".clientid", "set this to the id that the registry has there as a client");
        if (one is { ClientSecret: not null, ClientSecretFile: not null })
            Error(key + ".clientsecretfile", "give the secret or its file, not both");
        if (one is { Kind: OpenIdKind.GitHub, ClientSecret: null, ClientSecretFile: null })
            Error(key + ".clientsecret", "GitHub wants a secret; set this or clientsecretfile");
        MustExist(key + ".clientsecretfile", one.ClientSecretFile);
        if (one.Ca is { } ca) CheckCa(key + ".ca", ca);
        if (one.Kind != OpenIdKind.GitHub && !one.ScopeOrDefault.Split(' ').Contains("openid"))
            Error(key + ".scopes", "must hold openid, without which nobody says who the user is");
        if (one.RequiredGroup is null && PublicSystems.Contains(one.IssuerOrDefault))
        {
            Notice(key + ".requiredgroup", "everyone in the world can have an account there, and so one here; set this "
                + "to a group of yours, unless the registry is known there to your own users only");
        }

        if (one.Kind != OpenIdKind.GitHub) return;
        foreach (var name in new[] { "nameclaim", "groupsclaim" })
        {
            if (origins.ContainsKey($"{key}.{name}"))
                Notice($"{key}.{name}", "has no effect: GitHub has no claims, but logins, organizations and teams");
        }
    }
}
