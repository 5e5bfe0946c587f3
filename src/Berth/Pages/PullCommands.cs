using Berth.Oci;

namespace Berth.Pages;

/// <summary>How something is pulled with a tool.</summary>
/// <param name="Key">The tool in addresses.</param>
/// <param name="Name">The tool for people.</param>
/// <param name="ByTag">By the name in the page's address.</param>
/// <param name="ByDigest">By digest, which never changes; null where the tool takes none.</param>
internal sealed record PullTool(string Key, string Name, string ByTag, string? ByDigest);

/// <summary>The commands that pull an image from here, or the lines that name it.</summary>
internal static class PullCommands
{
    private const string HelmType = "application/vnd.cncf.helm.config.v1+json";

    private static readonly string[] Keys =
        ["docker", "podman", "crane", "kubernetes", "containerfile", "helm", "oras", "model"];

    public static bool IsTool(string key) => Array.IndexOf(Keys, key) >= 0;

    /// <param name="frame">Where the registry is.</param>
    /// <param name="image">What is pulled.</param>
    public static IReadOnlyList<PullTool> Of(Frame frame, ShownImage image) => Of(
        frame,
        new PulledImage(
            image.Name, image.Reference, image.ExactDigest, image.Image.ArtifactType, image.IsImage,
            PlatformOf(image)));

    /// <summary>The command for a tag in a list, where not more is known of what it points to.</summary>
    public static string Of(Frame frame, string repository, string tag, string? artifactType) => Of(
        frame,
        new PulledImage(
            repository, tag, null, artifactType, ArtifactKind.Of(artifactType, []) == ArtifactKind.Image, null))[0]
        .ByTag;

    private static IReadOnlyList<PullTool> Of(Frame frame, PulledImage image)
    {
        var path = $"{frame.Host}/{image.Repository}";
        var isTag = !Digest.TryParse(image.Reference, out _);
        var named = path + (isTag ? ":" : "@") + image.Reference;
        var exact = $"{path}@{image.Digest}";

        // Each tool has its own word for a registry without TLS. docker has none: its daemon has a setting.
        string Plain(string option) => frame.IsOverTls ? "" : " " + option;
        if (image.ArtifactType == HelmType)
        {
            var plain = Plain("--plain-http");
            return
            [
                new PullTool(
                    "helm", "Helm",
                    isTag ? $"helm pull oci://{path} --version {image.Reference.Replace('_', '+')}{plain}"
                        : $"helm pull oci://{named}{plain}",
                    $"helm pull oci://{exact}{plain}"),
                Tool("oras", "oras", "oras pull" + plain),
            ];
        }

        var isModel = image.ArtifactType?.StartsWith("application/vnd.docker.ai.", StringComparison.Ordinal) == true;
        var oras = Tool("oras", "oras", "oras pull" + Plain("--plain-http"));
        if (isModel) return [Tool("model", "Docker Model Runner", "docker model pull"), oras];
        var chosen = image.Platform is { } platform ? $" --platform {platform}" : "";
        if (!image.IsImage) return [oras, Tool("crane", "crane", "crane manifest" + Plain("--insecure"))];
        return
        [
            Tool("docker", "docker", "docker pull" + chosen),
            Tool("podman", "podman", "podman pull" + chosen + Plain("--tls-verify=false")),
            Tool("crane", "crane", "crane pull" + chosen + Plain("--insecure"), " image.tar"),
            Tool("kubernetes", "Kubernetes", "image:"),
            Tool(
                "containerfile", "Containerfile",
                image.Platform is null ? "FROM" : $"FROM --platform={image.Platform}"),
        ];

        PullTool Tool(string key, string name, string before, string after = "") =>
            new(key, name, $"{before} {named}{after}", $"{before} {exact}{after}");
    }

    /// <param name="Repository">Where it is.</param>
    /// <param name="Reference">A tag, or a digest.</param>
    /// <param name="Digest">Its digest; null where only its tag is shown.</param>
    /// <param name="ArtifactType">What it says it is.</param>
    /// <param name="IsImage">Whether containers run it.</param>
    /// <param name="Platform">The platform that somebody chose; null if nobody did.</param>
    private sealed record PulledImage(
        string Repository, string Reference, string? Digest, string? ArtifactType, bool IsImage, string? Platform);

    /// <summary>
    /// The platform that somebody chose; null if nobody did, its image is missing, or it is no text for a shell.
    /// </summary>
    private static string? PlatformOf(ShownImage image) =>
        image is { IsAsked: true, Child: { IsMissing: false, Platform: var platform } }
            && platform.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-') ? platform : null;
}
