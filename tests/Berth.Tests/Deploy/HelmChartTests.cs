using Berth.Settings;
using Berth.Tests.Clients;

namespace Berth.Tests.Deploy;

/// <summary>The Helm chart, checked by helm, by Kubernetes' own types and by Berth's own reader of settings.</summary>
public sealed class HelmChartTests : IDisposable
{
    private static readonly string[] Cluster =
    [
        "database.host=db.example.com", "database.password=pa ss\\,word", "s3.bucket=images", "s3.accesskey=key",
        "s3.secretkey=secret", "auth.htpasswd.users=alice:$2y$05$abcdefghijklmnopqrstuv",
    ];

    private static readonly string[] Single = ["mode=single", "auth.anonymous=pull"];

    private readonly string root = Directory.CreateTempSubdirectory("berth-chart-").FullName;

    public static TheoryData<string, string[]> Installations => new()
    {
        { "the usual cluster", Cluster },
        {
            "a cluster with everything",
            [
                .. Cluster, "database.rootCertificate=PEM", "database.sslmode=verify-ca", "s3.encrypt=true",
                "s3.regionendpoint=https://s3.example.com", "s3.forcepathstyle=true", "s3.rootdirectory=/berth",
                "ingress.enabled=true", "ingress.className=nginx", "ingress.tlsSecret=tls",
                "ingress.annotations.a/b=c", "service.annotations.d=e", "image.tag=1.2", "config.log.level=debug",
                "config.http.trustedproxies={10.0.0.0/8}", "config.storage.redirect.disable=true",
                "extraEnv[0].name=REGISTRY_LOG_FORMATTER",
                "extraEnv[0].value=json", "extraVolumes[0].name=more", "extraVolumes[0].emptyDir.medium=Memory",
                "extraVolumeMounts[0].name=more", "extraVolumeMounts[0].mountPath=/more", "podLabels.f=g",
                "podAnnotations.h=i", "nodeSelector.j=k", "tolerations[0].operator=Exists",
                "imagePullSecrets[0].name=pull", "serviceAccount.annotations.l=m",
                "podDisruptionBudget.maxUnavailable=50%",
            ]
        },
        {
            "a cluster with secrets of its own",
            [
                "database.host=db", "database.existingSecret=db", "s3.bucket=b", "s3.existingSecret=keys",
                "auth.htpasswd.existingSecret=users", "serviceAccount.create=false",
            ]
        },
        {
            "a cluster with the credentials of its surroundings",
            ["database.host=db", "s3.bucket=b", "auth.anonymous=full", "podDisruptionBudget.enabled=false"]
        },
        {
            "a cluster on Azure",
            [
                "database.host=db", "azure.accountname=a", "azure.container=registry", "azure.rootdirectory=/berth",
                "azure.accountkey=a2V5", "auth.anonymous=pull",
            ]
        },
        {
            "a cluster on Azure with a secret of its own",
            [
                "database.host=db", "azure.accountname=a", "azure.container=registry", "azure.existingSecret=azure",
                "auth.anonymous=pull",
            ]
        },
        { "one node", Single },
        { "one node with users in the database", ["mode=single"] },
        {
            "one node on a claim of its own, with users",
            [.. Single, "persistence.existingClaim=mine", "auth.htpasswd.users=a:$2y$05$b", "ingress.enabled=true"]
        },
    };

    private static Dictionary<string, string> ForeignSecrets => new()
    {
        ["db/password"] = "p",
        ["azure/accountkey"] = "a2V5",
        ["keys/accesskey"] = "a",
        ["keys/secretkey"] = "s",
        ["users/users"] = "alice:$2y$05$abcdefghijklmnopqrstuv",
    };

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task Helm_finds_nothing_wrong(string name, string[] values)
    {
        var run = await DeployTools.HelmAsync(
            ["lint", "--strict", RenderedChart.Folder, .. values.SelectMany(v => new[] { "--set", v })]);
        Assert.True(run.ExitCode == 0, $"{name}\n{run.Output}{run.Error}");
    }

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task Kubernetes_knows_every_field(string name, string[] values)
    {
        var chart = await RenderedChart.RenderAsync(values);
        var faults = await FaultsAsync(chart.Text);
        Assert.True(faults.Length == 0, $"{name}\n{faults}");
    }

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task Berth_accepts_the_settings_without_an_error(string name, string[] values)
    {
        var chart = await RenderedChart.RenderAsync(values);
        var result = chart.LoadSettings(root, ForeignSecrets);
        var errors = string.Join('\n', result.Faults.Where(f => f.Severity == Severity.Error));
        Assert.True(errors.Length == 0, $"{name}\n{errors}");
    }

    [Fact]
    public async Task Values_arrive_in_the_settings()
    {
        var chart = await RenderedChart.RenderAsync([.. Cluster, "config.limits.tagsperpush=50"]);
        var settings = chart.LoadSettings(root).Settings!;
        Assert.Equal("db.example.com", settings.Database.Host);
        Assert.Equal("pa ss,word", settings.Database.Password);
        Assert.Equal(50, settings.Limits.TagsPerPush);
        Assert.Equal(":5000", settings.Http.Addr);
        var users = await File.ReadAllTextAsync(settings.Auth!.Htpasswd!.Path, Cancellation);
        Assert.Equal("alice:$2y$05$abcdefghijklmnopqrstuv\n", users);
    }

    [Fact]
    public async Task Selectors_find_the_pods_and_probes_the_health_endpoints()
    {
        var chart = await RenderedChart.RenderAsync([.. Cluster, "podLabels.x=y"]);
        var labels = chart.Pod.Map("metadata.labels");
        Assert.Equal("y", labels["x"]);
        foreach (var selector in new[]
        {
            chart.One("Service").Map("spec.selector"),
            chart.One("PodDisruptionBudget").Map("spec.selector.matchLabels"),
            chart.One("Deployment").Map("spec.selector.matchLabels"),
            chart.Pod.Map("spec.topologySpreadConstraints.0.labelSelector.matchLabels"),
        })
        {
            Assert.NotEmpty(selector);
            Assert.All(selector, one => Assert.Equal(one.Value, labels[one.Key]));
        }

        Assert.Equal("/healthz", chart.Container.Text("livenessProbe.httpGet.path"));
        Assert.Equal("/healthz", chart.Container.Text("startupProbe.httpGet.path"));
        Assert.Equal("/readyz?for=pull", chart.Container.Text("readinessProbe.httpGet.path"));
        Assert.Equal("5000", chart.Container.Text("ports.0.containerPort"));
    }

    [Fact]
    public async Task One_node_has_its_volume_to_itself()
    {
        var chart = await RenderedChart.RenderAsync([.. Single, "replicas=5"]);
        var deployment = chart.One("Deployment");
        Assert.Equal(("1", "Recreate"), (deployment.Text("spec.replicas"), deployment.Text("spec.strategy.type")));
        Assert.Equal("keep", chart.One("PersistentVolumeClaim").Map("metadata.annotations")["helm.sh/resource-policy"]);
        Assert.Empty(chart.All("PodDisruptionBudget"));
        var data = chart.Container.List("volumeMounts").Single(m => m.Text("name") == "data").Text("mountPath");
        Assert.Equal(data, chart.LoadSettings(root).Settings!.Storage.Filesystem.RootDirectory);
    }

    [Fact]
    public async Task The_container_has_no_rights_it_does_not_need()
    {
        var chart = await RenderedChart.RenderAsync(Cluster);
        Assert.Equal("true", chart.Pod.Text("spec.securityContext.runAsNonRoot"));
        Assert.Equal("true", chart.Container.Text("securityContext.readOnlyRootFilesystem"));
        Assert.Equal("false", chart.Container.Text("securityContext.allowPrivilegeEscalation"));
        Assert.Equal("ALL", chart.Container.Text("securityContext.capabilities.drop.0"));
        Assert.Equal("false", chart.Pod.Text("spec.automountServiceAccountToken"));
        Assert.DoesNotContain("secret", chart.One("ConfigMap").Map("data")["config.yml"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_restart_when_a_password_changes()
    {
        var before = await RenderedChart.RenderAsync(Cluster);
        var after = await RenderedChart.RenderAsync([.. Cluster, "database.password=other"]);
        var sums = new[] { before, after }.Select(c => c.Pod.Map("metadata.annotations")).ToList();
        Assert.Equal(sums[0]["checksum/config"], sums[1]["checksum/config"]);
        Assert.NotEqual(sums[0]["checksum/secrets"], sums[1]["checksum/secrets"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false, "auth.htpasswd.users=a:$2y$05$b")]
    [InlineData(false, "auth.anonymous=pull")]
    [InlineData(true, "auth.htpasswd.users=a:$2y$05$b", "auth.local.enabled=true")]
    public async Task Without_any_other_users_they_are_in_the_database(bool areInDatabase, params string[] values)
    {
        var chart = await RenderedChart.RenderAsync(["mode=single", .. values]);
        var config = chart.One("ConfigMap").Map("data")["config.yml"];
        Assert.Equal(areInDatabase, config.Contains("local:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("database.host must be set", "s3.bucket=b", "auth.anonymous=full")]
    [InlineData("s3.bucket or azure.container must be set", "database.host=h", "auth.anonymous=full")]
    [InlineData("azure.accountname must be set", "database.host=h", "azure.container=c", "auth.anonymous=full")]
    [InlineData("s3.secretkey must be set", "database.host=h", "s3.bucket=b", "auth.anonymous=full", "s3.accesskey=a")]
    [InlineData("additional properties 'hots' not allowed", "database.hots=h")]
    [InlineData("mode", "mode=double")]
    public async Task Bad_values_are_refused_with_the_reason(string reason, params string[] values)
    {
        var run = await RenderedChart.TryRenderAsync(values);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(reason, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_check_against_Kubernetes_types_finds_what_is_wrong()
    {
        var chart = await RenderedChart.RenderAsync(Cluster);
        var faults = await FaultsAsync(chart.Text
            .Replace("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true")
            .Replace("terminationGracePeriodSeconds: 90", "terminationGracePeriodSeconds: soon")
            .Replace("apiVersion: policy/v1", "apiVersion: policy/v9"));
        Assert.Contains("no such kind", faults, StringComparison.Ordinal);
        Assert.Contains("soon", faults, StringComparison.Ordinal);
        faults = await FaultsAsync(
            chart.Text.Replace("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"));
        Assert.Contains("securityContext.readOnlyRootFileSystem: no such field", faults, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<string> FaultsAsync(string objects)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, objects, Cancellation);
            var checker = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Deploy", "kubernetes_types.py");
            var run = await DeployTools.RunAsync("bash", ["-c", "exec /usr/bin/python3 \"$0\" <\"$1\"", checker, file]);
            return run.OutputOfSuccess();
        }
        finally
        {
            File.Delete(file);
        }
    }
}
