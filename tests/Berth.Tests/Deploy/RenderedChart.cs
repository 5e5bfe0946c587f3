using Berth.Settings;
using Berth.Tests.Clients;
using YamlDotNet.RepresentationModel;

namespace Berth.Tests.Deploy;

/// <summary>What the Helm chart makes of some values, and the container it makes, with its files in a folder.</summary>
internal sealed class RenderedChart
{
    private readonly IReadOnlyList<YamlNode> objects;

    private RenderedChart(string text)
    {
        Text = text;
        objects = YamlNodes.Parse(text);
    }

    public static string Folder => DeployTools.PathOf("helm/berth");

    /// <summary>All objects as YAML documents.</summary>
    public string Text { get; }

    public YamlNode Pod => One("Deployment").At("spec.template")!;

    public YamlNode Container => Pod.At("spec.containers.0")!;

    /// <param name="values">As behind helm's <c>--set</c>.</param>
    /// <exception cref="InvalidOperationException">Helm refused. Holds what it said.</exception>
    public static async Task<RenderedChart> RenderAsync(params IEnumerable<string> values) =>
        new((await TryRenderAsync(values)).OutputOfSuccess());

    public static Task<ProgramRun> TryRenderAsync(params IEnumerable<string> values) => DeployTools.HelmAsync(
        ["template", "demo", Folder, "--namespace", "registry", .. values.SelectMany(v => new[] { "--set", v })]);

    /// <summary>The objects of a kind.</summary>
    public IReadOnlyList<YamlNode> All(string kind) => [.. objects.Where(o => o.Text("kind") == kind)];

    /// <summary>The only object of a kind.</summary>
    public YamlNode One(string kind) => All(kind).Single();

    /// <summary>Berth's verdict over the settings that the container has: file, variables, mounts.</summary>
    /// <param name="root">An empty folder that takes the place of the container's root.</param>
    /// <param name="foreignSecrets">Secrets that the chart does not make: <c>name/key</c> and what they hold.</param>
    public SettingsResult LoadSettings(string root, IReadOnlyDictionary<string, string>? foreignSecrets = null)
    {
        foreignSecrets ??= new Dictionary<string, string>();
        foreach (var mount in Container.List("volumeMounts"))
        {
            var folder = Directory.CreateDirectory(root + mount.Text("mountPath")).FullName;
            foreach (var (name, content) in FilesOf(mount.Text("name")!, foreignSecrets))
                File.WriteAllText(Path.Combine(folder, name), content.Replace("/etc/berth/", $"{root}/etc/berth/"));
        }

        var arguments = Container.List("args").Select(a => ((YamlScalarNode)a).Value!).ToList();
        Assert.Equal(["serve", "--config"], arguments[..2]);
        return SettingsFile.Load(root + arguments[2], Variables(foreignSecrets));
    }

    private Dictionary<string, string> Variables(IReadOnlyDictionary<string, string> foreignSecrets) =>
        Container.List("env").ToDictionary(
            variable => variable.Text("name")!,
            variable => variable.Text("value") ?? SecretValue(
                variable.Text("valueFrom.secretKeyRef.name")!,
                variable.Text("valueFrom.secretKeyRef.key")!,
                foreignSecrets));

    private IReadOnlyDictionary<string, string> FilesOf(
        string volumeName, IReadOnlyDictionary<string, string> foreignSecrets)
    {
        var volume = Pod.List("spec.volumes").Single(v => v.Text("name") == volumeName);
        if (volume.Text("configMap.name") is { } map)
            return All("ConfigMap").Single(o => o.Text("metadata.name") == map).Map("data");
        if (volume.Text("secret.secretName") is { } secret)
        {
            return volume.List("secret.items").ToDictionary(
                item => item.Text("path")!, item => SecretValue(secret, item.Text("key")!, foreignSecrets));
        }

        return new Dictionary<string, string>();
    }

    private string SecretValue(string name, string key, IReadOnlyDictionary<string, string> foreignSecrets) =>
        foreignSecrets.GetValueOrDefault($"{name}/{key}")
        ?? All("Secret").Single(o => o.Text("metadata.name") == name).Map("stringData")[key];
}
