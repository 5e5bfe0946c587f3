namespace Berth.Access;

/// <summary>Paths, fit for logs and traces: the link of an invitation is as good as a password.</summary>
internal static class LoggedPath
{
    /// <summary>The path of links that hold a secret.</summary>
    public const string Secret = "/auth/join/";

    /// <summary>The path without a secret in it.</summary>
    public static ReadOnlySpan<char> Of(ReadOnlySpan<char> path)
    {
        var at = path.IndexOf(Secret, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? path : path[..(at + Secret.Length)];
    }
}
