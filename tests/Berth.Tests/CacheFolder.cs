namespace Berth.Tests;

/// <summary>Where the installers in <c>tests/</c> put what they bring: the user's folder for caches.</summary>
internal static class CacheFolder
{
    /// <param name="name">The installer's own folder there, such as berth-clients.</param>
    public static string Of(string name) => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } set
            ? set
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        name);
}
