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
    public static IReadOnlyList<PullTool> Of(Frame frame, ShownImage image)
    {
        var path = $"{frame.Host}/{image.Name}";
        var named = path + (Digest.TryParse(image.Reference, out _) ? "@" : ":") + image.Reference;
        var exact = $"{path}@{image.ExactDigest}";
        var plain = frame.IsOverTls ? "" : " --plain-http";
        if (image.Image.ArtifactType == HelmType)
        {
            return
            [
                new PullTool(
                    "helm", "Helm",
                    image.IsTag ? $"helm pull oci://{path} --version {image.Reference.Replace('_', '+')}{plain}"
                        : $"helm pull oci://{named}{plain}",
                    $"helm pull oci://{exact}{plain}"),
                Tool("oras", "oras", "oras pull" + plain),
            ];
        }

        var isModel = image.Image.ArtifactType?.StartsWith("application/vnd.docker.ai.", StringComparison.Ordinal)
            == true;
        var oras = Tool("oras", "oras", "oras pull" + plain);
        if (isModel) return [Tool("model", "Docker Model Runner", "docker model pull"), oras];
        var platform = PlatformOf(image);
        var chosen = platform is null ? "" : $" --platform {platform}";
        if (!image.IsImage) return [oras, Tool("crane", "crane", "crane manifest")];
        return
        [
            Tool("docker", "docker", "docker pull" + chosen),
            Tool("podman", "podman", "podman pull" + chosen),
            Tool("crane", "crane", "crane pull" + chosen, " image.tar"), Tool("kubernetes", "Kubernetes", "image:"),
            Tool("containerfile", "Containerfile", "FROM" + chosen.Replace("platform ", "platform=")),
        ];

        PullTool Tool(string key, string name, string before, string after = "") =>
            new(key, name, $"{before} {named}{after}", $"{before} {exact}{after}");
    }

    /// <summary>
    /// The platform that somebody chose; null if nobody did, its image is missing, or it is no text for a shell.
    /// </summary>
    private static string? PlatformOf(ShownImage image) =>
        image is { IsAsked: true, Child: { IsMissing: false, Platform: var platform } }
            && platform.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-') ? platform : null;
}
