using System.Net;
using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class SettingsFileTests : IDisposable
{
    // What the registry:2 image ships as its configuration, key for key.
    private const string Registry2Config = """
        version: 0.1
        log:
          fields:
            service: registry
        storage:
          cache:
            blobdescriptor: inmemory
          filesystem:
            rootdirectory: /var/lib/registry
        http:
          addr: :5000
          headers:
            X-Content-Type-Options: [nosniff]
        health:
          storagedriver:
            enabled: true
            interval: 10s
            threshold: 3
        """;

    private readonly SettingsFolder _folder = new();

    [Fact]
    public void Without_file_and_environment_the_defaults_apply_without_faults()
    {
        var result = SettingsFolder.LoadVariables();
        Assert.Empty(result.Faults);
        Assert.Equal("127.0.0.1:5000", result.Settings!.Http.Addr);
        Assert.Null(result.Settings.Auth);
        Assert.Equal(TimeSpan.FromDays(7), result.Settings.Storage.Maintenance.UploadPurging.Age);
    }

    [Fact]
    public void An_empty_file_is_the_defaults() => Assert.NotNull(_folder.Load("").Settings);

    [Fact]
    public void The_environment_wins_over_the_file()
    {
        var settings = _folder.Load(
            "http: {addr: '127.0.0.1:1', draintimeout: 5s}", "REGISTRY_HTTP_ADDR=127.0.0.1:2").Settings!;
        Assert.Equal("127.0.0.1:2", settings.Http.Addr);
        Assert.Equal(TimeSpan.FromSeconds(5), settings.Http.DrainTimeout);
    }

    [Fact]
    public void The_configuration_that_registry2_ships_loads_once_access_is_decided()
    {
        var result = _folder.Load(Registry2Config, "REGISTRY_AUTH_ANONYMOUS=full");
        Assert.All(result.Faults, fault => Assert.Equal(Severity.Notice, fault.Severity));
        Assert.Equal(["health.storagedriver", "auth.anonymous"], result.Faults.Select(f => f.Key));
        Assert.Equal("/var/lib/registry", result.Settings!.Storage.Filesystem.RootDirectory);
        Assert.Equal(["nosniff"], result.Settings.Http.Headers["x-content-type-options"]);
        Assert.Equal("registry", result.Settings.Log.Fields["service"]);
    }

    [Fact]
    public void The_configuration_that_registry2_ships_gets_users_and_says_what_else_there_is()
    {
        var result = _folder.Load(Registry2Config);
        var notice = Assert.Single(result.Faults, f => f.Key == "http.addr");
        Assert.Equal(11, notice.Line);
        Assert.Contains("REGISTRY_AUTH_ANONYMOUS=full", notice.Message, StringComparison.Ordinal);
        Assert.True(result.Settings!.Auth!.Local.Enabled);
    }

    [Fact]
    public void Distributions_example_with_htpasswd_loads_with_notices_only()
    {
        var users = _folder.Write("users", "");
        var result = _folder.Load(
            Registry2Config.Replace("  filesystem:", "  tag: {concurrencylimit: 8}\n  filesystem:")
            + $"\nauth: {{htpasswd: {{realm: basic-realm, path: {users}}}}}");
        Assert.Equal(["storage.tag", "health.storagedriver"], result.Faults.Select(f => f.Key));
        Assert.Equal("basic-realm", result.Settings!.Auth!.Htpasswd!.Realm);
    }

    [Fact]
    public void The_variables_of_distributions_manual_for_htpasswd_work()
    {
        var users = _folder.Write("users", "");
        var result = SettingsFolder.LoadVariables("REGISTRY_AUTH=htpasswd", "REGISTRY_HTTP_ADDR=:5000",
            "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm", $"REGISTRY_AUTH_HTPASSWD_PATH={users}");
        Assert.Empty(result.Faults);
        Assert.Equal("Registry Realm", result.Settings!.Auth!.Htpasswd!.Realm);
    }

    [Fact]
    public void A_section_may_name_its_only_choice()
    {
        var result = _folder.Load("storage: filesystem\nauth: token");
        Assert.Equal(["auth.token"], result.Faults.Select(f => f.Key));
    }

    [Fact]
    public void A_variable_may_hold_a_whole_section_and_longer_names_change_parts_of_it()
    {
        var settings = _folder.Load("log: {level: debug, formatter: json}",
            "REGISTRY_LOG_FIELDS_SERVICE=other",
            "REGISTRY_LOG={level: warn, fields: {service: registry, place: here}}").Settings!;
        Assert.Equal(LogLevelName.Warn, settings.Log.Level);
        Assert.Equal(LogFormatter.Text, settings.Log.Formatter);
        Assert.Equal("other", settings.Log.Fields["service"]);
        Assert.Equal("here", settings.Log.Fields["place"]);
    }

    [Fact]
    public void Entries_of_a_list_are_set_by_number_past_the_ninth_too()
    {
        var variables = Enumerable.Range(0, 12).Select(i => $"REGISTRY_HTTP_TRUSTEDPROXIES_{i}=10.0.0.{i}").ToArray();
        var settings = _folder.Load("http: {trustedproxies: [192.0.2.1, 192.0.2.2]}", variables).Settings!;
        Assert.Equal(
            Enumerable.Range(0, 12).Select(i => IPNetwork.Parse($"10.0.0.{i}/32")), settings.Http.TrustedProxies);
    }

    [Fact]
    public void A_platform_can_be_set_from_the_environment()
    {
        var settings = SettingsFolder.LoadVariables(
            "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS=list",
            "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_ARCHITECTURE=amd64",
            "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_OS=linux").Settings!;
        Assert.Equal(new PlatformSettings { Architecture = "amd64", Os = "linux" },
            Assert.Single(settings.Validation.Manifests.Indexes.PlatformList));
    }

    [Fact]
    public void Keys_are_read_whatever_their_case() =>
        Assert.Equal("127.0.0.1:9", _folder.Load("HTTP: {Addr: '127.0.0.1:9'}").Settings!.Http.Addr);

    [Fact]
    public void A_text_that_is_not_YAML_is_valid_for_a_single_key() => Assert.Equal(
        "/data/{odd", SettingsFolder.LoadVariables("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data/{odd")
            .Settings!.Storage.Filesystem.RootDirectory);

    [Fact]
    public void A_variable_without_a_value_leaves_the_default()
    {
        var settings = _folder.Load("http:\n  host:\n  tls: {certificate: ''}", "REGISTRY_HTTP_ADDR=").Settings!;
        Assert.Equal("127.0.0.1:5000", settings.Http.Addr);
        Assert.Null(settings.Http.Tls.Certificate);
    }

    [Fact]
    public void The_variables_Kubernetes_sets_for_a_service_called_registry_are_no_settings() =>
        Assert.Empty(SettingsFolder.LoadVariables(
            "REGISTRY_PORT=tcp://10.0.0.1:5000", "REGISTRY_SERVICE_HOST=10.0.0.1", "REGISTRY_SERVICE_PORT=5000",
            "REGISTRY_SERVICE_PORT_HTTP=5000", "REGISTRY_PORT_5000_TCP=tcp://10.0.0.1:5000",
            "REGISTRY_PORT_5000_TCP_ADDR=10.0.0.1", "REGISTRY_PORT_5000_TCP_PORT=5000",
            "REGISTRY_PORT_5000_TCP_PROTO=tcp", "REGISTRY_UI_PORT=tcp://10.0.0.2:80").Faults);

    [Fact]
    public void Where_podman_keeps_its_passwords_is_no_setting()
    {
        var loaded = SettingsFolder.LoadVariables("REGISTRY_AUTH_FILE=/run/user/0/containers/auth.json");
        Assert.Empty(loaded.Faults);
        Assert.Null(loaded.Settings!.Auth);
    }

    [Fact]
    public void A_port_of_ones_own_in_the_environment_is_not_taken_for_one_of_those() =>
        Assert.Single(SettingsFolder.LoadVariables("REGISTRY_HTTP_PORT=5000").Faults);

    [Fact]
    public void The_file_may_be_named_by_distributions_variable()
    {
        var path = _folder.Write("named.yml", "http: {addr: '127.0.0.1:7'}");
        var settings = SettingsFolder.LoadVariables($"REGISTRY_CONFIGURATION_PATH={path}").Settings!;
        Assert.Equal("127.0.0.1:7", settings.Http.Addr);
    }

    [Fact]
    public void Aliases_are_independent_values()
    {
        var settings = _folder.Load(
            "validation: {manifests: {urls: {allow: &list [a], deny: *list}}}",
            "REGISTRY_VALIDATION_MANIFESTS_URLS_DENY_0=b").Settings!;
        Assert.Equal(["a"], settings.Validation.Manifests.Urls.Allow);
        Assert.Equal(["b"], settings.Validation.Manifests.Urls.Deny);
    }

    [Theory]
    [InlineData("168h", 604_800_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1500ms", 1500)]
    [InlineData("2.5s", 2500)]
    [InlineData("0", 0)]
    public void Durations_are_written_as_in_Go(string text, long milliseconds) => Assert.Equal(
        TimeSpan.FromMilliseconds(milliseconds),
        _folder.Load($"http: {{draintimeout: {text}}}").Settings!.Http.DrainTimeout);

    [Theory]
    [InlineData("60")]
    [InlineData("-5s")]
    [InlineData("5 s")]
    [InlineData("1.2.3s")]
    [InlineData("9999999999999h")]
    [InlineData("s")]
    public void An_invalid_duration_is_a_fault(string text) =>
        Assert.Equal("http.draintimeout", Assert.Single(_folder.Load($"http: {{draintimeout: {text}}}").Faults).Key);

    [Theory]
    [InlineData("4194304", 4194304)]
    [InlineData("5MiB", 5 << 20)]
    [InlineData("8388608B", 8 << 20)]
    [InlineData("8192 kib", 8 << 20)]
    public void Sizes_are_bytes_or_have_a_binary_unit(string text, long bytes) =>
        Assert.Equal(bytes, _folder.Load($"limits: {{manifestbytes: {text}}}").Settings!.Limits.ManifestBytes);

    [Theory]
    [InlineData("5MB")]
    [InlineData("-1")]
    [InlineData("99999999TiB")]
    [InlineData("1.5GiB")]
    public void An_invalid_size_is_a_fault(string text) => Assert.Equal(
        "limits.manifestbytes", Assert.Single(_folder.Load($"limits: {{manifestbytes: {text}}}").Faults).Key);

    public void Dispose() => _folder.Dispose();
}
