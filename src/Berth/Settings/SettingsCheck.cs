using System.Net;
using System.Text.RegularExpressions;
using Berth.Disk;

namespace Berth.Settings;

/// <summary>
/// Checks what a key's type and range cannot: files that must exist, keys that depend on each other. It reports
/// everything it finds.
/// </summary>
internal sealed partial class SettingsCheck(
    RegistrySettings settings, IReadOnlyDictionary<string, Origin> origins, List<SettingsFault> faults)
{
    public void Run()
    {
        if (settings.Version != "0.1") Error("version", "must be 0.1, the only version there is");
        CheckAddress();
        CheckTls();
        CheckHttp();
        CheckAuth();
        CheckAccess();
        CheckStorage();
        CheckDatabase();
        CheckValidation();
        CheckLimits();
        CheckVulnerabilities();
        CheckSbom();
        CheckScanners();
        CheckScannerAdapter();
    }

    private void CheckAddress()
    {
        var addr = settings.Http.Addr;
        if (!ListenAddress.TryParse(addr, out var address))
        {
            Error("http.addr", $"'{addr}' is not an address to listen on; write :5000, 127.0.0.1:5000, [::1]:5000 or "
                + "localhost:5000");
            return;
        }

        if (address.IsLoopback) return;
        if (settings.Auth?.Anonymous == AnonymousAccess.Full)
        {
            Notice("auth.anonymous", $"with full, anyone who reaches {address} may push and delete");
        }
        else if (settings.Auth is null)
        {
            Notice("http.addr", $"there is no auth section and others can reach {address}, so users must sign in: "
                + "the first start makes an administrator. If everyone should push and delete, "
                + "write auth.anonymous: full (REGISTRY_AUTH_ANONYMOUS=full)");
        }
    }

    private void CheckTls()
    {
        var tls = settings.Http.Tls;
        if (tls.Certificate is not null && tls.Key is null)
            Error("http.tls.certificate", "a certificate needs its key; set http.tls.key too");
        if (tls.Key is not null && tls.Certificate is null)
            Error("http.tls.key", "a key needs its certificate; set http.tls.certificate too");
        if (tls.ClientCas.Count > 0 && tls.Certificate is null)
            Error("http.tls.clientcas", "clients show certificates over TLS only; set http.tls.certificate too");
        MustExist("http.tls.certificate", tls.Certificate);
        MustExist("http.tls.key", tls.Key);
        for (var i = 0; i < tls.ClientCas.Count; i++) CheckClientCa($"http.tls.clientcas.{i}", tls.ClientCas[i]);
        if (tls.MinimumTls is "tls1.0" or "tls1.1")
            Notice("http.tls.minimumtls", "Berth does not support TLS before 1.2; 1.2 is used");
        else if (tls.MinimumTls is not ("tls1.2" or "tls1.3"))
            Error("http.tls.minimumtls", $"must be tls1.2 or tls1.3, not '{tls.MinimumTls}'");
        if (tls is { Certificate: { } certificate, Key: { } key }) MustBelongTogether(certificate, key);
    }

    private void CheckHttp()
    {
        var http = settings.Http;
        if (http.Host is not null && !IsRoot(http.Host))
            Error("http.host", "must be a URL of scheme and host only, such as https://registry.example.com");
        if (!IsPrefix(http.Prefix))
            Error("http.prefix", "must be a path such as /hub/, of letters, digits, '-', '_', '.' and '/'");
        if (http.Secret is not null)
            Notice("http.secret", "not needed: no state is signed into locations");
        CheckDebug();

        foreach (var (name, values) in http.Headers)
        {
            if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c)))
                Error($"http.headers.{name.ToLowerInvariant()}", "not a valid HTTP header name (RFC 9110, 5.1)");
            if (values.Any(value => value.Any(c => c is < ' ' or > '~')))
                Error($"http.headers.{name.ToLowerInvariant()}", "an HTTP header holds printable ASCII only");
        }
    }

    private void CheckDebug()
    {
        var debug = settings.Http.Debug;
        if (debug.Addr is null)
        {
            if (debug.Prometheus.Enabled)
                Notice("http.debug.prometheus.enabled", "set http.debug.addr too: metrics are served only there");
            return;
        }

        if (!ListenAddress.TryParse(debug.Addr, out var address))
            Error("http.debug.addr", $"'{debug.Addr}' is not an address to listen on; write 127.0.0.1:5001 or :5001");
        else if (address.Port != 0 && ListenAddress.TryParse(settings.Http.Addr, out var own) && own == address)
            Error("http.debug.addr", "is the same as http.addr; give it a port of its own");
        var path = debug.Prometheus.Path;
        if (!IsPrefix(path)) Error("http.debug.prometheus.path", $"'{path}' is not a path; write /metrics");
    }

    private void CheckAuth()
    {
        if (settings.Auth is not { } auth || HasErrorIn("auth")) return;
        if (auth.Htpasswd is { } htpasswd)
        {
            if (htpasswd.Path.Length == 0) Error("auth.htpasswd", "set auth.htpasswd.path to the file of users");
            else MustExist("auth.htpasswd.path", htpasswd.Path, "; make it with htpasswd -B -c");
            if (htpasswd.Realm.Any(c => c is < ' ' or > '~' or '"' or '\\'))
                Error("auth.htpasswd.realm", "must be printable ASCII without quotes and backslashes");
        }

        if (auth.Keyless is { } keyless) CheckKeyless(keyless);
        if (auth.Token is { } token) CheckTokenIssuer(auth, token);
        CheckOpenId(auth.Oidc);
        if (auth.ClientCertificate != CertificateName.None && settings.Http.Tls.ClientCas.Count == 0)
            Error("auth.clientcertificate", "clients show certificates only with http.tls.clientcas");
        if (!auth.HasUsers && auth.AnonymousOrDefault is AnonymousAccess.None or AnonymousAccess.Public)
        {
            Error("auth", "nobody could do anything; set auth.local.enabled, auth.htpasswd.path, "
                + "auth.ldap, auth.oidc, auth.keyless.issuers, or auth.anonymous to pull or full");
        }

        if (auth.Local is { AdminPassword: not null, AdminPasswordFile: not null })
            Error("auth.local.adminpasswordfile", "give the password or its file, not both");
        MustExist("auth.local.adminpasswordfile", auth.Local.AdminPasswordFile);
        if (auth is { Link: LinkRule.Name, Local: { Enabled: true, OpenRegistration: true } })
        {
            Error("auth.link", "with auth.local.openregistration, anyone could make the account that a user of another "
                + "directory with the same name then gets; write none or verifiedemail");
        }

        if (auth.TokenLifetime < TimeSpan.FromMinutes(1))
        {
            Notice("auth.tokenlifetime", "docker uses a token for a minute, even if it expires sooner: what it asks "
                + "for after that fails");
        }

        MustBePlain("auth.issuer", auth.Issuer);
        MustBePlain("auth.service", auth.Service);
        foreach (var other in auth.OtherServices) MustBePlain("auth.otherservices", other);
        if (auth.Ldap is { } ldap) CheckLdap(ldap);
    }

    private void MustBePlain(string key, string text)
    {
        if (text.Length == 0 || text.Any(c => c is <= ' ' or > '~' or '"' or '\\' or ','))
            Error(key, "must be printable ASCII without spaces, commas, quotes and backslashes");
    }

    private void CheckDatabase()
    {
        var database = settings.Database;
        if (database.Host is null)
        {
            foreach (var key in origins.Keys.Where(IsForPostgres))
                Error(key, "this is for PostgreSQL; set database.host too");
            return;
        }

        if (database.Host.Length == 0) Error("database.host", "must be the name or address of a PostgreSQL server");
        if (database.Path is not null) Error("database.path", "is for SQLite, database.host for PostgreSQL; give one");
        if (!settings.Storage.IsRemote)
        {
            Notice("database.host", "blobs are stored in a folder on this machine: let only one node use the database, "
                + "or set storage.s3 or storage.azure");
        }

        if (database.SslMode is not ("disable" or "allow" or "prefer" or "require" or "verify-ca" or "verify-full"))
        {
            Error("database.sslmode", "must be one of disable, allow, prefer, require, verify-ca, verify-full, "
                + $"not '{database.SslMode}'");
        }

        MustExist("database.sslrootcert", database.SslRootCert);
        MustExist("database.sslcert", database.SslCert);
        MustExist("database.sslkey", database.SslKey);
    }

    private static bool IsForPostgres(string key) => key.StartsWith("database.", StringComparison.Ordinal)
        && key != "database.path" && key != "database.host";

    private void CheckValidation()
    {
        var indexes = settings.Validation.Manifests.Indexes;
        const string Key = "validation.manifests.indexes";
        if (indexes.Platforms is not ("all" or "none" or "list"))
            Error(Key + ".platforms", $"must be one of all, none, list, not '{indexes.Platforms}'");
        if (indexes.Platforms == "list" && indexes.PlatformList.Count == 0)
            Error(Key + ".platforms", $"with list, {Key}.platformlist must name the platforms");
        for (var i = 0; i < indexes.PlatformList.Count; i++)
        {
            if (indexes.PlatformList[i] is { Architecture.Length: > 0, Os.Length: > 0 }) continue;
            Error($"{Key}.platformlist.{i}", "a platform needs both architecture and os");
        }

        var urls = settings.Validation.Manifests.Urls;
        MustCompile("validation.manifests.urls.allow", urls.Allow);
        MustCompile("validation.manifests.urls.deny", urls.Deny);
    }

    private void CheckLimits()
    {
        var limits = settings.Limits;
        // A default page larger than the largest page is only a mistake if both were written.
        if (origins.ContainsKey("limits.defaultpageentries") && limits.DefaultPageEntries > limits.PageEntries)
            Error("limits.defaultpageentries", $"must not be larger than limits.pageentries, {limits.PageEntries}");
    }

    private static bool IsRoot(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.Host.Length > 0
        && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" };

    private static bool IsPrefix(string path) => path is "/" || (path is ['/', ..] && path.Trim('/').Split('/').All(
        part => part is not ("" or "." or ".." or "v2")
            && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')));

    // Such an error already explains why a section lets nobody in, or a list is empty.
    private bool HasErrorIn(string key) => faults.Any(fault => fault.Severity == Severity.Error
        && (fault.Key == key || fault.Key.StartsWith(key + ".", StringComparison.Ordinal)));

    private void MustExist(string key, string? path, string advice = "")
    {
        if (path is null) return;
        if (Directory.Exists(path))
        {
            Error(key, $"'{path}' is a folder, not a file");
        }
        else if (!PathAccess.IsReadable(path, out var isHidden))
        {
            Error(key, isHidden
                ? $"{Environment.UserName} may not read '{path}': grant this user access or, with systemd, pass "
                    + "the file with LoadCredential="
                : $"there is no file '{path}'{advice}");
        }
    }

    // Distribution uses RE2, whose running time is linear too; both reject about the same expressions.
    private void MustCompile(string key, IReadOnlyList<string> patterns)
    {
        for (var i = 0; i < patterns.Count; i++)
        {
            try
            {
                _ = new Regex(patterns[i], RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            }
            catch (Exception e) when (e is ArgumentException or NotSupportedException)
            {
                Error($"{key}.{i}", $"'{patterns[i]}' is not a regular expression that Berth can use: {e.Message}");
            }
        }
    }

    private void Error(string key, string message) => Report(key, message, Severity.Error);

    private void Notice(string key, string message) => Report(key, message, Severity.Notice);

    // A key that was not written is reported at the section it would be in.
    private void Report(string key, string message, Severity severity)
    {
        Origin? origin = null;
        for (var path = key; path.Length > 0 && origin is null; path = path[..Math.Max(path.LastIndexOf('.'), 0)])
            origin = origins.TryGetValue(path, out var written) ? written : null;
        var (source, line) = origin ?? new Origin(SettingsKey.VariableFor(key), null);
        faults.Add(new SettingsFault(source, line, key, message) { Severity = severity });
    }
}
