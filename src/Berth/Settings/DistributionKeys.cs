namespace Berth.Settings;

/// <summary>Keys that distribution's configuration has and Berth's has not, with what to do about each.</summary>
internal static class DistributionKeys
{
    /// <param name="Key">A key, or a section with everything in it.</param>
    /// <param name="Message">What the user should do.</param>
    /// <param name="Severity">A notice where leaving the key in place changes nothing.</param>
    /// <param name="Same">The value that says what Berth does anyway, about which there is nothing to report.</param>
    private sealed record Entry(string Key, string Message, Severity Severity = Severity.Error, string? Same = null);

    private static readonly Entry[] Entries =
    [
        Store("azure", "Azure"),
        Store("gcs", "Google Cloud Storage"),
        Store("swift", "Swift"),
        Store("oss", "OSS"),
        new("storage.inmemory",
            "storage in memory is not supported in this version; point storage.filesystem.rootdirectory at a tmpfs"),
        Unneeded("storage.filesystem.maxthreads", "Berth needs no cap on threads"),
        Unneeded("storage.tag", "tags are read from an index, not by walking folders"),
        Unneeded("storage.cache.blobdescriptorsize", "limits.manifestcachebytes bounds the cache"),
        new("storage.cache.layerinfo", "use storage.cache.blobdescriptor: inmemory", Same: "inmemory"),
        new("auth.token", "an outside token server is not supported in this version; use auth.htpasswd"),
        new("auth.silly", "it protects nothing and is not supported; use auth.htpasswd"),
        new("proxy", "pulling through from an upstream is not supported in this version; remove this section"),
        new("notifications", "notifications are not supported in this version; remove this section"),
        new("redis", "Berth needs no Redis and cannot use one; remove this section"),
        new("middleware", "middleware is not supported; remove this section"),
        new("reporting", "reporting to outside trackers is not supported; remove this section"),
        new("policy", "repository classes are not supported in this version; remove this section"),
        new("http.debug", "a second port for debugging is not supported in this version; remove this section"),
        new("http.tls.letsencrypt",
            "certificates from Let's Encrypt are not supported in this version; "
            + "set http.tls.certificate and http.tls.key, or end TLS at a proxy"),
        new("http.tls.ciphersuites", "the system's TLS library chooses the cipher suites; remove this key"),
        new("http.tls.clientauth",
            "with http.tls.clientcas a client's certificate is always required and verified; remove this key",
            Same: "require-and-verify-client-cert"),
        new("http.net", "only TCP is supported in this version; remove this key and set http.addr", Same: "tcp"),
        new("log.hooks", "log hooks are not supported; send the log to what watches your other logs"),
        new("log.reportcaller", "log lines name no caller; remove this key", Same: "false"),
        new("loglevel", "use log.level, as distribution's own documentation says"),
        new("tags.maxtags", "use limits.pageentries"),
        new("tags", "use limits.pageentries"),
        new("validation.enabled", "to check nothing, leave out the rules; remove this key", Same: "true"),
        new("validation.disabled", "to check nothing, leave out the rules; remove this key", Same: "false"),
        new("compatibility", "schema 1 manifests are not supported; remove this section"),
        new("compatibility.schema1.enabled", "schema 1 manifests are not supported; remove this key", Same: "false"),
        Unneeded("health.storagedriver", "/readyz always checks the store"),
        new("health", "checks of other things are not supported in this version; /readyz checks the store; remove it"),
    ];

    /// <summary>Says what is to be said about a key that Berth does not have, or about the keys in it.</summary>
    /// <param name="key">The key in lower case.</param>
    /// <param name="node">Its value.</param>
    /// <param name="faults">Where to say it.</param>
    public static void ReportOrUnknown(string key, SettingsNode node, List<SettingsFault> faults)
    {
        if (node is MappingNode { Entries.Count: > 0 } section && Entries.Any(e => IsUnder(e.Key, key)))
        {
            foreach (var (name, inner) in section.Entries)
                ReportOrUnknown(SettingsKey.Join(key, name.ToLowerInvariant()), inner, faults);
            return;
        }

        var entry = Entries.Where(e => e.Key == key || IsUnder(key, e.Key)).MaxBy(e => e.Key.Length);
        if (entry?.Same is { } same && node is ScalarNode scalar && SaysTheSame(scalar.Text, same)) return;
        faults.Add(new SettingsFault(node.Origin.Source, node.Origin.Line, key, entry?.Message ?? Unknown(key, node))
        {
            Severity = entry?.Severity ?? Severity.Error,
        });
    }

    private static Entry Store(string name, string product) => new(
        $"storage.{name}", $"storage in {product} is not supported in this version; use storage.filesystem");

    private static Entry Unneeded(string key, string reason) => new(
        key, $"not needed: {reason}", Severity.Notice);

    private static bool SaysTheSame(string text, string same) =>
        text.Equals(same, StringComparison.OrdinalIgnoreCase)
        || (SettingsText.ParseSwitch(text) is { } value && value == SettingsText.ParseSwitch(same));

    private static bool IsUnder(string key, string section) =>
        key.Length > section.Length && key[section.Length] == '.' && key.StartsWith(section, StringComparison.Ordinal);

    private static string Unknown(string key, SettingsNode node)
    {
        if (SettingsKey.Nearest(key) is not { } nearest) return "there is no such key";
        var isVariable = node.Origin.Source.StartsWith(SettingsKey.VariablePrefix, StringComparison.Ordinal);
        return $"there is no such key; did you mean {(isVariable ? SettingsKey.VariableFor(nearest) : nearest)}?";
    }
}
