using Berth.Oci;

namespace Berth.Pages;

/// <summary>The commands that pull an image from here.</summary>
internal static class PullCommands
{
    public static IReadOnlyList<string> Of(string host, string repository, string reference, string digest)
    {
        var named = Digest.TryParse(reference, out _)
            ? $"{host}/{repository}@{reference}" : $"{host}/{repository}:{reference}";
        return [$"docker pull {named}", $"docker pull {host}/{repository}@{digest}"];
    }
}
