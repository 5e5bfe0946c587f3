namespace Berth.Settings;

/// <summary>The checks of issuers whose tokens are accepted. Conditions are checked where they are parsed.</summary>
internal sealed partial class SettingsCheck
{
    private const string IssuersKey = "auth.keyless.issuers";

    private void CheckKeyless(KeylessSettings keyless)
    {
        if (keyless.Issuers.Count == 0)
            Error("auth.keyless", $"names nobody whose tokens are accepted; add an entry to {IssuersKey}");
        for (var i = 0; i < keyless.Issuers.Count; i++)
        {
            CheckIssuer($"{IssuersKey}.{i}", keyless.Issuers[i]);
            var earlier = keyless.Issuers.Take(i).ToList();
            if (earlier.Exists(other => other.Name == keyless.Issuers[i].Name))
                Error($"{IssuersKey}.{i}.name", "is the name of an issuer above; each needs its own");
            if (earlier.Exists(other => other.Url == keyless.Issuers[i].Url))
                Error($"{IssuersKey}.{i}.url", "is the URL of an issuer above; put both lists of rules into one entry");
        }

        // An interval longer than the default age is only a mistake if both were written.
        if (keyless.MaximumKeyAge < keyless.RefreshInterval && origins.ContainsKey("auth.keyless.maximumkeyage"))
        {
            Error("auth.keyless.maximumkeyage", "must not be shorter than auth.keyless.refreshinterval, "
                + SettingsText.Write(keyless.RefreshInterval));
        }
    }

    private void CheckIssuer(string key, KeylessIssuerSettings issuer)
    {
        if (!IsIssuerName(issuer.Name))
            Error(key + ".name", "set a short name of lower-case letters, digits and '-', such as github");
        if (!IsIssuerUrl(issuer.Url))
            Error(key + ".url", "must be what the tokens have as iss, such as https://issuer.example.com");
        if (issuer.Audience.Count == 0 || issuer.Audience.Any(audience => audience.Length == 0))
        {
            Error(key + ".audience", "must be what the tokens are requested for, such as registry.example.com; "
                + "otherwise tokens meant for others would be accepted");
        }

        for (var i = 0; i < issuer.Rules.Count; i++)
        {
            var rule = issuer.Rules[i];
            if (rule.If.Length == 0)
                Error($"{key}.rules.{i}.if", "must be a condition on claims, such as repository == \"acme/*\"");
            var rights = new AccessRuleSettings { Allow = ["users"], Actions = rule.Actions, Names = rule.Names };
            CheckRule($"{key}.rules.{i}", rights);
        }

        MustExist(key + ".jwks", issuer.Jwks, "; kubectl get --raw /openid/v1/jwks writes that of a cluster");
        MustExist(key + ".ca", issuer.Ca);
        MustExist(key + ".tokenfile", issuer.TokenFile);
        if (issuer.Jwks is null) return;
        if (issuer.Ca is not null) Error(key + ".ca", "is of no meaning with jwks: the issuer is not asked");
        if (issuer.TokenFile is not null)
            Error(key + ".tokenfile", "is of no meaning with jwks: the issuer is not asked");
    }

    private static bool IsIssuerName(string name) =>
        name.Length is > 0 and <= 63 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    /// <summary>OpenID Connect Discovery 1.0, section 3: https, without query and fragment.</summary>
    private static bool IsIssuerUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
        && url is { Host.Length: > 0, Query: "", Fragment: "", UserInfo: "" };
}
