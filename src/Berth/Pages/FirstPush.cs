namespace Berth.Pages;

/// <summary>The commands that push an image here, for one tool.</summary>
/// <param name="Name">The tool.</param>
/// <param name="Commands">Its commands.</param>
/// <param name="Note">What has to be said besides; null for nothing.</param>
internal sealed record PushTool(string Name, IReadOnlyList<string> Commands, string? Note);

/// <summary>How to push to this registry, with the host's name and the flags that it needs.</summary>
internal static class FirstPush
{
    /// <param name="frame">Where the registry is, and whether anybody signs in.</param>
    /// <param name="space">A namespace that the reader may push to.</param>
    public static IReadOnlyList<PushTool> Of(Frame frame, string space)
    {
        var image = $"{frame.Host}/{space}/app:1.0";
        var host = frame.Host.Split('/')[0];

        // docker and containerd take plain HTTP from this machine, and podman from nowhere unless told.
        var isNear = frame.IsOverTls || host.StartsWith("127.", StringComparison.Ordinal) || host.StartsWith("[::1]")
            || host.Split(':')[0] == "localhost";
        return
        [
            ToolOf("docker", flag: "", isNear ? null : frame.Words.PlainDocker(host)),
            ToolOf("podman", frame.IsOverTls ? "" : " --tls-verify=false"),
            ToolOf("nerdctl", isNear ? "" : " --insecure-registry"),
        ];

        PushTool ToolOf(string tool, string flag, string? note = null)
        {
            var commands = new List<string> { $"{tool} tag app {image}", $"{tool} push{flag} {image}" };
            if (frame.MaySignIn) commands.Insert(0, $"{tool} login{flag} {host}");
            return new PushTool(tool, commands, note);
        }
    }
}
