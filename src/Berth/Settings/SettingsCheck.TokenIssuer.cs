namespace Berth.Settings;

/// <summary>The checks of another server whose tokens are accepted. Its keys are checked where they are read.</summary>
internal sealed partial class SettingsCheck
{
    private const string TokenKey = "auth.token";

    private void CheckTokenIssuer(AuthSettings auth, TokenIssuerSettings token)
    {
        var missing = new List<string>();
        if (token is { Realm: "", AutoRedirect: false }) missing.Add("realm (where clients get tokens)");
        if (token.Service.Length == 0) missing.Add("service (the aud of its tokens)");
        if (token.Issuer.Length == 0) missing.Add("issuer (the iss of its tokens)");
        if (token is { RootCertBundle: null, Jwks: null }) missing.Add("rootcertbundle or jwks (its keys)");
        if (missing.Count > 0) Error(TokenKey, $"also needs {string.Join(", ", missing)}");
        if (token is { AutoRedirect: false, Realm.Length: > 0 } && !IsHttpUrl(token.Realm))
        {
            Error(
                TokenKey + ".realm",
                "must be the URL where clients get tokens, such as https://auth.example.com/token");
        }

        if (token.Service.Length > 0) MustBePlain(TokenKey + ".service", token.Service);
        if (!token.AutoRedirectPath.StartsWith('/') || token.AutoRedirectPath.Any(c => c is <= ' ' or > '~' or '"'))
            Error(TokenKey + ".autoredirectpath", "must be a path such as /auth/token");
        foreach (var algorithm in token.SigningAlgorithms.Except(TokenIssuerSettings.KnownAlgorithms))
        {
            Error(TokenKey + ".signingalgorithms", $"Berth can't verify '{algorithm}'; it must be one of "
                + string.Join(", ", TokenIssuerSettings.KnownAlgorithms));
        }

        MustExist(TokenKey + ".rootcertbundle", token.RootCertBundle);
        MustExist(TokenKey + ".jwks", token.Jwks);
        MustStandAlone(auth);
    }

    /// <summary>Clients that are sent to another server for tokens show nothing else here.</summary>
    private void MustStandAlone(AuthSettings auth)
    {
        if (auth.Htpasswd is not null)
            Error("auth.htpasswd", "with auth.token another server checks the passwords; give one of the two");
        if (auth.Keyless is not null)
            Error("auth.keyless", "with auth.token another server takes the place of passwords; give one of the two");
        if (auth.ClientCertificate != CertificateName.None)
            Error("auth.clientcertificate", "with auth.token a token says who the user is; give one of the two");
        if (auth.OtherServices.Count > 0)
            Error("auth.otherservices", "with auth.token this registry issues no tokens; give one of the two");
    }

    private static bool IsHttpUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
        && url is { Host.Length: > 0, UserInfo: "" } && !text.Any(c => c is <= ' ' or > '~' or '"' or '\\');
}
