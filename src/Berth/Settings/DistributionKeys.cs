namespace Berth.Settings;

/// <summary>Keys that distribution has and Berth does not, with what to do about each.</summary>
internal static class DistributionKeys
{
    /// <param name="Key">A key, or a section with everything in it.</param>
    /// <param name="Message">What is missing, and what to do instead.</param>
    /// <param name="Severity">A notice where leaving the key in place changes nothing.</param>
    /// <param name="Same">The value that asks for what Berth does anyway: nothing to report.</param>
    /// <param name="IsChoice">One of several alternatives, chosen by being present even if it is empty.</param>
    /// <param name="Needs">The key in the section without which distribution does not use it.</param>
    private sealed record Entry(
        string Key,
        string Message,
        Severity Severity = Severity.Error,
        string? Same = null,
        bool IsChoice = false,
        string? Needs = null);

    private static readonly Entry[] Entries =
    [
        Store("swift", "Swift"),
        Store("oss", "OSS"),
        new("storage.gcs",
            "Berth reaches Google Cloud Storage by its S3 interface: make an HMAC key for the service account "
            + "(gcloud storage hmac create), and set storage.s3 with that accesskey and secretkey, the same bucket "
            + "and rootdirectory, region: auto, and regionendpoint: https://storage.googleapis.com",
            IsChoice: true),
        Unneeded("storage.filesystem.maxthreads", "Berth needs no cap on threads"),
        Unneeded("storage.tag", "tags are read from an index, not by walking folders"),
        Unneeded("storage.parallelwalk", "no folders are walked"),
        Unneeded("storage.s3.parallelwalk", "no folders are walked"),
        Unneeded("storage.azure.retry_delay", "waits double from 0.1 to 5 seconds"),
        Unneeded("storage.azure.copy_status_poll_max_retry", "a copy is waited for as long as its size may take"),
        Unneeded("storage.azure.copy_status_poll_delay", "waits double from 0.1 to 5 seconds"),
        Unneeded("storage.cache.blobdescriptorsize", "limits.manifestcachebytes bounds the cache"),
        new("auth.silly", "it protects nothing and is not supported; use auth.htpasswd", IsChoice: true),
        new("proxy",
            "Berth does not pull through from another registry yet; remove this section and copy the images here, "
            + "or leave this cache to registry:2",
            Needs: "remoteurl"),
        new("notifications",
            "Berth sends no notifications yet; remove the endpoints, or mark each of them disabled: true",
            Needs: "endpoints"),
        Unneeded("redis", "each node caches in its own memory, and nodes tell each other what changed"),
        new("middleware",
            "Berth has no middleware; remove this section. For redirects to another host, see storage.redirect"),
        new("reporting", "nothing is reported to external trackers; errors are in the log", Severity.Notice),
        new("policy", "Berth does not tell classes of repositories apart; remove this section"),
        new("http.tls.letsencrypt",
            "Berth gets no certificates from Let's Encrypt yet; set http.tls.certificate and http.tls.key to files "
            + "that a client such as certbot renews, or end TLS at a proxy such as Caddy"),
        new("http.tls.ciphersuites",
            "the system's TLS library chooses the cipher suites: see CipherString in its openssl.cnf",
            Severity.Notice),
        new("http.tls.clientauth",
            "with http.tls.clientcas a client's certificate is always required and verified; remove this key",
            Same: "require-and-verify-client-cert"),
        new("http.net", "Berth listens on TCP only; remove this key and set http.addr", Same: "tcp"),
        new("log.hooks", "the log sends no mail; use whatever watches your other logs", Severity.Notice),
        new("log.reportcaller", "log lines name no caller", Severity.Notice, Same: "false"),
        new("tags", "tags.maxtags is limits.pageentries here; there is nothing else in this section"),
        new("compatibility",
            "schema 1 manifests are not supported: push such images again with a current client", Severity.Notice),
        new("compatibility.schema1.enabled",
            "schema 1 manifests are not supported: push such images again with a current client",
            Severity.Notice, Same: "false"),
        Unneeded("health.storagedriver", "/readyz always checks the store"),
        new("health", "/readyz checks the store and nothing else yet; remove the checks of other things"),
    ];

    /// <summary>Reports a key that Berth does not have, or the keys in it.</summary>
    /// <param name="key">The key in lower case.</param>
    /// <param name="node">Its value.</param>
    /// <param name="faults">Receives the report.</param>
    public static void Report(string key, SettingsNode node, List<SettingsFault> faults)
    {
        // Extension keys: anchors to be used elsewhere in the file, or sections that were commented out this way.
        if (key[(key.LastIndexOf('.') + 1)..].StartsWith("x-", StringComparison.Ordinal)) return;
        var entry = Entries.Where(e => e.Key == key || IsUnder(key, e.Key)).MaxBy(e => e.Key.Length);
        var hasInner = Entries.Any(e => IsUnder(e.Key, key));
        if ((entry is not null || hasInner) && entry?.IsChoice != true && IsAbsent(node)) return;
        if (node is MappingNode { Entries.Count: > 0 } section && (hasInner || (section.IsOfVariable && entry is null)))
        {
            foreach (var (name, inner) in section.Entries)
                Report(SettingsKey.Join(key, name.ToLowerInvariant()), inner, faults);
            return;
        }

        if (entry?.Same is { } same && node is ScalarNode scalar && SaysTheSame(scalar.Text, same)) return;
        if (entry is null) Add(node, key, Severity.Error, Unknown(key, node));
        else if (entry.Needs is not { } needs) Add(node, key, entry.Severity, entry.Message);
        else if ((node as MappingNode)?.Entries.GetValueOrDefault(needs) is { } needed && !IsAbsent(needed))
            Add(needed, SettingsKey.Join(key, needs), entry.Severity, entry.Message);
        else Add(node, key, Severity.Notice, $"has no effect without {entry.Key}.{needs}");

        void Add(SettingsNode at, string name, Severity severity, string message) =>
            faults.Add(new SettingsFault(at.Origin.Source, at.Origin.Line, name, message) { Severity = severity });
    }

    /// <summary>
    /// Empty, or switched off: a section with <c>disabled: true</c> or <c>enabled: false</c>, or with nothing but such
    /// sections.
    /// </summary>
    private static bool IsAbsent(SettingsNode node) => node switch
    {
        SequenceNode list => list.Items.TrueForAll(IsAbsent),
        MappingNode section => Says(section, "disabled", true) || Says(section, "enabled", false)
            || section.Entries.Values.All(IsAbsent),
        _ => node.IsEmpty,
    };

    private static bool Says(MappingNode section, string name, bool value) =>
        section.Entries.GetValueOrDefault(name) is ScalarNode scalar && SettingsText.ParseSwitch(scalar.Text) == value;

    private static Entry Store(string name, string product) => new(
        $"storage.{name}",
        $"storage in {product} is not supported in this version; use storage.filesystem, storage.s3 or storage.azure",
        IsChoice: true);

    private static Entry Unneeded(string key, string reason) => new(
        key, $"not needed: {reason}", Severity.Notice);

    private static bool SaysTheSame(string text, string same) =>
        text.Equals(same, StringComparison.OrdinalIgnoreCase)
        || (SettingsText.ParseSwitch(text) is { } value && value == SettingsText.ParseSwitch(same));

    private static bool IsUnder(string key, string section) =>
        key.Length > section.Length && key[section.Length] == '.' && key.StartsWith(section, StringComparison.Ordinal);

    private static string Unknown(string key, SettingsNode node)
    {
        if (key.StartsWith("storage./", StringComparison.Ordinal))
            return "there is no such key; to name a folder, set storage.filesystem.rootdirectory";
        if (SettingsKey.Nearest(key) is not { } nearest) return "there is no such key";
        var isVariable = node.Origin.Source.StartsWith(SettingsKey.VariablePrefix, StringComparison.Ordinal);
        return $"there is no such key; did you mean {(isVariable ? SettingsKey.VariableFor(nearest) : nearest)}?";
    }
}
