namespace Berth.Settings;

/// <summary>The checks of a container in Azure.</summary>
internal sealed partial class SettingsCheck
{
    private static readonly string[] CredentialTypes =
    [
        AzureCredentialSettings.SharedKey, AzureCredentialSettings.ClientSecret, AzureCredentialSettings.FromMachine,
    ];

    private void CheckAzure(AzureSettings azure)
    {
        CheckContainer(azure);
        CheckCredentials(azure);
        MustHoldOnePart("storage.azure", azure.UploadMemoryBytes, azure.ChunkSize);
        if (azure.SkipVerify)
            Notice("storage.azure.skipverify", "anyone between Berth and the store can read and change what passes");
        NoticeFolder("storage.azure");
    }

    private void CheckContainer(AzureSettings azure)
    {
        if (azure.AccountName.Length == 0)
            Error("storage.azure.accountname", "set it to the name of a storage account");
        else if (!azure.AccountName.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
            Error("storage.azure.accountname", "the name of a storage account has lower-case letters and digits only");
        if (azure.Container.Length == 0)
            Error("storage.azure.container", "set it to the name of a container");
        else if (!IsContainer(azure.Container))
            Error("storage.azure.container", "the name of a container has 3 to 63 lower-case letters, digits and '-'");
        if (azure.ServiceUrl is { } url && !IsServiceUrl(url))
        {
            Error("storage.azure.serviceurl",
                "must be a URL without a query, such as https://example.blob.core.windows.net");
        }
        else if (azure.ServiceUrl is not null && origins.ContainsKey("storage.azure.realm"))
        {
            Error("storage.azure.realm", "is of no meaning with storage.azure.serviceurl; remove one of them");
        }
        else if (azure.ServiceUrl is null && Uri.CheckHostName($"a.blob.{azure.Realm}") != UriHostNameType.Dns)
        {
            Error("storage.azure.realm", "must be the end of a host name, such as core.windows.net");
        }
    }

    private void CheckCredentials(AzureSettings azure)
    {
        const string Key = "storage.azure.credentials";
        var given = azure.Credentials;
        if (given.Type is { } type && !CredentialTypes.Contains(type))
        {
            Error(Key + ".type", $"must be one of {string.Join(", ", CredentialTypes)}, not '{type}'");
            return;
        }

        var isSecret = given.Type == AzureCredentialSettings.ClientSecret;
        if (isSecret && (given.ClientId is null || given.TenantId is null || given.Secret is null))
            Error(Key + ".type", $"with client_secret, {Key} needs clientid, tenantid and secret too");
        else if (!isSecret && (given.ClientId ?? given.TenantId ?? given.Secret) is not null)
            Error(Key + ".type", "clientid, tenantid and secret are of no meaning unless it is client_secret");
        var isKey = given.Type is null or AzureCredentialSettings.SharedKey;
        if (given.Type is not null && isKey && azure.AccountKey is null)
            Error("storage.azure.accountkey", "with shared_key, set it to one of the account's keys");
        else if (!isKey && azure.AccountKey is not null)
            Error("storage.azure.accountkey", $"is of no meaning with {Key}.type {given.Type}; remove one of them");
        if (azure.AccountKey is { } key && !IsBase64(key))
            Error("storage.azure.accountkey", "is no key of a storage account, which is written in base64");
        CheckSas(azure);
        if (given.Type is not null && isKey || azure.AccountKey is not null || azure.SasToken is not null) return;
        if (azure.ServiceUrl?.StartsWith("http://", StringComparison.OrdinalIgnoreCase) == true)
            Error("storage.azure.serviceurl", "an identity is only shown over TLS: write https://");
    }

    private void CheckSas(AzureSettings azure)
    {
        const string Key = "storage.azure.sastoken";
        if (azure.SasToken is not { } token) return;
        if (azure.AccountKey is not null || azure.Credentials.Type is not null)
            Error(Key, "storage.azure.accountkey and storage.azure.credentials are other ways to sign in; give one");
        else if (!token.Contains("sig=", StringComparison.Ordinal) || token.Any(c => c is <= ' ' or > '~'))
            Error(Key, "is no shared access signature, which looks like sv=…&sp=racwdl&sig=…");
        else if (settings.Storage.Redirect.Mode != RedirectMode.Never && origins.ContainsKey("storage.redirect.mode"))
            Notice("storage.redirect.mode", $"with {Key} nobody is sent to the store: it allows more than reading");
    }

    private static bool IsContainer(string name) => name.Length is >= 3 and <= 63
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        && name[0] != '-' && name[^1] != '-' && !name.Contains("--", StringComparison.Ordinal);

    private static bool IsServiceUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
        && url is { Host.Length: > 0, Query: "", Fragment: "", UserInfo: "" };

    private static bool IsBase64(string text) =>
        text.Length > 0 && Convert.TryFromBase64String(text, new byte[text.Length], out _);
}
