using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class SettingsFaultTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    [Fact]
    public void All_faults_are_reported_at_once_in_the_words_of_the_golden_file()
    {
        var golden = Path.Combine(SettingsFolder.Repository(), "tests", "Berth.Tests", "Settings", "Golden");
        var result = _folder.Load(
            File.ReadAllText(Path.Combine(golden, "faults.yml")),
            "REGISTRY_HTPT_ADDR=:5000",
            "REGISTRY_HTTP_TRUSTEDPROXIES_5=10.0.0.1",
            "REGISTRY_LOGLEVEL=debug",
            "REGISTRY_STORAGE_S3_BUCKET=images",
            "REGISTRY_STORAGE_MAINTENANCE={uploadpurging: {agee: 1h}}",
            "REGISTRY_VALIDATION=[unfinished");
        var printed = SettingsFolder.Print(result).Replace(_folder.Path, "/etc/berth", StringComparison.Ordinal) + "\n";
        Assert.Null(result.Settings);
        Assert.Equal(File.ReadAllText(Path.Combine(golden, "faults.txt")), printed);
    }

    [Theory]
    [InlineData("http: {adr: x}", "http.addr")]
    [InlineData("http: {tls: {certifcate: x}}", "http.tls.certificate")]
    [InlineData("storage: {filesystem: {rootdir: x}}", "storage.filesystem.rootdirectory")]
    [InlineData("addr: ':5000'", "http.addr")]
    [InlineData("limits: {manifestsbyte: 1}", "limits.manifestbytes")]
    [InlineData("http: {port: 5000}", "http.addr")]
    [InlineData("http: {address: ':5000'}", "http.addr")]
    public void An_unknown_key_names_the_one_that_was_meant(string yaml, string meant)
    {
        var fault = Assert.Single(_folder.Load(yaml).Faults);
        Assert.Equal(1, fault.Line);
        Assert.EndsWith($"did you mean {meant}?", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_variable_names_the_one_that_was_meant() => Assert.EndsWith(
        "did you mean REGISTRY_STORAGE_DELETE_ENABLED?",
        Assert.Single(SettingsFolder.LoadVariables("REGISTRY_STORAGE_DELETE_ENABLE=true").Faults).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_tab_is_reported_on_its_own_line()
    {
        var fault = Assert.Single(_folder.Load("version: 0.1\nhttp:\n\taddr: x").Faults);
        Assert.Equal(3, fault.Line);
        Assert.EndsWith("indent with spaces, not with tabs", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_place_of_a_driver_is_told_its_key() => Assert.EndsWith(
        "set storage.filesystem.rootdirectory",
        Assert.Single(_folder.Load("storage: /var/lib/berth").Faults).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("http: {trustedproxies: [10.0.0.0/33, 10.0.0.1, proxy]}", "http.trustedproxies", 2)]
    [InlineData("http: {trustedproxies: proxy}", "http.trustedproxies", 1)]
    [InlineData("storage: {s3: {bucket: b, region: r}, redirect: {mode: inside, networks: ['::/129', a]}}",
        "storage.redirect.networks", 2)]
    [InlineData("http: {trustedproxies: [10, 0x7f.1, 10/8, 10.1.0.0/8/1]}", "http.trustedproxies", 4)]
    [InlineData("storage: {s3: {bucket: b, region: r}, redirect: {mode: inside, networks: a}}",
        "storage.redirect.networks", 1)]
    public void Each_network_that_is_none_is_reported(string yaml, string key, int count)
    {
        var faults = _folder.Load(yaml).Faults;
        Assert.Equal(count, faults.Count);
        Assert.All(faults, fault => Assert.StartsWith(key, fault.Key, StringComparison.Ordinal));
        Assert.All(faults, fault => Assert.EndsWith(
            "is neither an IP address nor a range such as 10.0.0.0/8", fault.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_key_like_no_other_gets_no_advice() =>
        Assert.Equal("there is no such key", Assert.Single(_folder.Load("zebra: 1").Faults).Message);

    [Theory]
    [InlineData("storage: {swift: {container: c}}", "storage.swift")]
    [InlineData("storage: {gcs: {bucket: b}}", "storage.gcs")]
    [InlineData("auth: {silly: {realm: r}}", "auth.silly")]
    [InlineData("proxy: {remoteurl: 'https://registry.example.com'}", "proxy.remoteurl")]
    [InlineData("notifications: {endpoints: [{url: u}]}", "notifications.endpoints")]
    [InlineData("middleware: {storage: [{name: n}]}", "middleware")]
    [InlineData("http: {tls: {letsencrypt: {email: e}}}", "http.tls.letsencrypt")]
    [InlineData("http: {net: unix}", "http.net")]
    [InlineData("health: {file: [{file: f}]}", "health.file")]
    [InlineData("policy: {repository: {classes: [image]}}", "policy")]
    public void A_key_of_distribution_that_Berth_lacks_is_reported_as_missing(string yaml, string key)
    {
        var fault = Assert.Single(_folder.Load(yaml).Faults);
        Assert.Equal(key, fault.Key);
        Assert.Equal(Severity.Error, fault.Severity);
        Assert.DoesNotContain("no such key", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http: {net: tcp}")]
    [InlineData("storage: {redirect: {disable: true}}")]
    [InlineData("storage: {s3: {bucket: b, region: eu-central-1, v4auth: true, loglevel: off}}")]
    [InlineData("validation: {disabled: no}")]
    [InlineData("validation: {enabled: yes}")]
    [InlineData("http: {prefix: /registry/}")]
    [InlineData("http: {debug: {addr: ':5001'}}")]
    [InlineData("loglevel: debug")]
    [InlineData("tags: {maxtags: 5}")]
    [InlineData("log: {level: warning, formatter: logstash, hooks: []}")]
    [InlineData("notifications: {endpoints: []}")]
    [InlineData("middleware: {storage: []}")]
    [InlineData("health: {file: []}")]
    [InlineData("policy: {repository: {classes: []}}")]
    [InlineData("auth: none")]
    [InlineData("x-shared: {a: b}")]
    public void A_key_that_asks_for_what_Berth_does_anyway_is_not_reported(string yaml) =>
        Assert.Empty(_folder.Load(yaml).Faults);

    [Theory]
    [InlineData("http: {secret: hunter2hunter2}")]
    [InlineData("storage: {filesystem: {maxthreads: 100}}")]
    [InlineData("health: {storagedriver: {enabled: true}}")]
    [InlineData("redis: {addrs: [a]}")]
    [InlineData("storage: inmemory")]
    [InlineData("storage: {cache: {blobdescriptor: redis}}")]
    [InlineData("log: {hooks: [{type: mail}]}")]
    [InlineData("log: {reportcaller: true}")]
    [InlineData("http: {tls: {minimumtls: tls1.0}}")]
    [InlineData("proxy: {username: u}")]
    [InlineData("notifications: {events: {includereferences: true}}")]
    [InlineData("reporting: {newrelic: {licensekey: k}}")]
    public void A_key_without_effect_is_a_notice_and_does_not_prevent_startup(string yaml)
    {
        var result = _folder.Load(yaml);
        Assert.Equal(Severity.Notice, Assert.Single(result.Faults).Severity);
        Assert.NotNull(result.Settings);
    }

    [Fact]
    public void A_shared_database_with_a_local_folder_is_a_notice()
    {
        var alone = _folder.Load("database: {host: db}");
        var fault = Assert.Single(alone.Faults);
        Assert.Equal(("database.host", Severity.Notice), (fault.Key, fault.Severity));
        Assert.NotNull(alone.Settings);
        Assert.Empty(_folder.Load("database: {host: db}\nstorage: {s3: {bucket: b, region: eu-central-1}}").Faults);
    }

    [Fact]
    public void A_secret_is_never_printed()
    {
        const string Secret = "correct-horse";
        var printed = SettingsFolder.Print(_folder.Load(
            $"http: {{secret: {Secret}, secrett: {Secret}}}\nproxy: {{password: {Secret}}}",
            $"REGISTRY_STORAGE_S3_SECRETKEY={Secret}", $"REGISTRY_REDIS_PASSWORD={Secret}",
            $"REGISTRY_PASSWORD={Secret}"));
        Assert.Equal(8, printed.Split('\n').Length);
        Assert.DoesNotContain(Secret, printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(":0", "", false)]
    [InlineData("0.0.0.0:0", "", false)]
    [InlineData("localhost:0", "", false)]
    [InlineData("[::1]:0", "", false)]
    [InlineData(":0", "auth: {anonymous: pull}", false)]
    [InlineData(":0", "auth: {anonymous: full}", false)]
    [InlineData("127.0.0.1:0", "auth: {anonymous: none}", true)]
    [InlineData("127.0.0.1:0", "auth: {anonymous: public}", true)]
    [InlineData("127.0.0.1:0", "auth: {local: {enabled: false}}", true)]
    [InlineData("127.0.0.1:0", "auth: {local: {enabled: true}}", false)]
    [InlineData("127.0.0.1:0", "auth:", true)]
    [InlineData("127.0.0.1:0", "auth: {htpasswd: {path: /no/such/file}}", true)]
    [InlineData("127.0.0.1:0", "auth: {htpasswd: }", true)]
    public void Nobody_is_let_in_or_locked_out_by_accident(string addr, string auth, bool isRefused) =>
        Assert.Equal(isRefused, _folder.Load($"http: {{addr: '{addr}'}}\n{auth}").Settings is null);

    [Theory]
    [InlineData(":0", true)]
    [InlineData("192.0.2.1:5000", true)]
    [InlineData("127.0.0.1:0", false)]
    [InlineData("localhost:0", false)]
    public void Without_an_auth_section_there_are_local_users_wherever_others_can_reach_it(string addr, bool hasUsers)
    {
        var result = _folder.Load($"http: {{addr: '{addr}'}}");
        Assert.Equal(hasUsers, result.Settings!.Auth is { Local.Enabled: true });
        Assert.Equal(hasUsers ? AnonymousAccess.Public : null, result.Settings.Auth?.AnonymousOrDefault);
        Assert.Equal(hasUsers, result.Faults.Any(f => f is { Key: "http.addr", Severity: Severity.Notice }));
    }

    [Theory]
    [InlineData("http: {tls: {certificate: CERT}}")]
    [InlineData("http: {tls: {key: CERT}}")]
    [InlineData("http: {tls: {clientcas: [CERT]}}")]
    [InlineData("http: {tls: {certificate: CERT, key: /no/such/key}}")]
    [InlineData("http: {host: registry.example.com}")]
    [InlineData("http: {host: 'https://registry.example.com/sub/'}")]
    [InlineData("http: {trustedproxies: [10.0.0.0/33]}")]
    [InlineData("http: {headers: {'X Y': [a]}}")]
    [InlineData("http: {headers: {X: ['a\\nb: c', \"a\\nb: c\"]}}")]
    [InlineData("validation: {manifests: {urls: {allow: ['(']}}}")]
    [InlineData("validation: {manifests: {urls: {deny: ['(a)\\1']}}}")]
    [InlineData("validation: {manifests: {indexes: {platforms: some}}}")]
    [InlineData("validation: {manifests: {indexes: {platforms: list}}}")]
    [InlineData("limits: {manifestbytes: 4194303}")]
    [InlineData("limits: {tagsperpush: 9}")]
    [InlineData("limits: {pageentries: 10, defaultpageentries: 11}")]
    [InlineData("limits: {bodyrategraceperiod: 1s}")]
    [InlineData("limits: {concurrentuploads: 0}")]
    [InlineData("limits: {concurrentsyncs: 0}")]
    [InlineData("catalog: {maxentries: 0}")]
    [InlineData("storage: {maintenance: {uploadpurging: {interval: 0}}}")]
    [InlineData("version: 0.2")]
    [InlineData("log: {level: 1}")]
    [InlineData("log: {formatter: xml}")]
    [InlineData("http: {relativeurls: maybe}")]
    [InlineData("http: {clientcas: a.pem}")]
    [InlineData("http: {addr: [a]}")]
    [InlineData("http: {addr: {a: b}}")]
    [InlineData("http: 5000")]
    [InlineData("log: {level: info, LEVEL: debug}")]
    [InlineData("[a, b]")]
    [InlineData("http: *nowhere")]
    [InlineData("&a {http: *a}")]
    [InlineData("version: 0.1\n---\nversion: 0.1")]
    [InlineData("? [a]\n: b")]
    public void One_mistake_is_one_fault_with_its_line(string yaml)
    {
        var certificate = _folder.Write("cert.pem", "");
        var result = _folder.Load(yaml.Replace("CERT", certificate, StringComparison.Ordinal));
        Assert.NotNull(Assert.Single(result.Faults).Line);
        Assert.Null(result.Settings);
    }

    [Fact]
    public void A_page_of_referrers_need_not_be_set_when_the_largest_page_is() =>
        Assert.NotNull(_folder.Load("limits: {pageentries: 10}").Settings);

    [Fact]
    public void A_file_that_is_missing_or_a_folder_or_far_too_large_is_a_fault()
    {
        var none = new Dictionary<string, string>();
        var large = _folder.Write("large.yml", new string('#', 2 << 20));
        string[] paths = [Path.Combine(_folder.Path, "missing.yml"), _folder.Path, large];
        foreach (var path in paths) Assert.Equal(path, Assert.Single(SettingsFile.Load(path, none).Faults).Source);
    }

    public void Dispose() => _folder.Dispose();
}
