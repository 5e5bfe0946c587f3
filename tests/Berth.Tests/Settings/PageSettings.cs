using Berth.Settings;

namespace Berth.Tests.Settings;

/// <summary>The examples of settings on a page of the documentation, and registries that run with them.</summary>
/// <param name="page">Its name in docs, without the ending.</param>
internal sealed class PageSettings(string page) : IDisposable
{
    private readonly SettingsFolder folder = new();

    /// <summary>In the order of the page. Other YAML, such as a pod's, is none of them.</summary>
    public IReadOnlyList<string> Examples { get; } =
        [.. SourceTree.Files.Single(f => f.Path == $"docs/{page}.md").BlocksOf("yaml").Where(IsSettings)];

    /// <summary>The only example with these words.</summary>
    public string With(string words) =>
        Examples.Single(example => example.Contains(words, StringComparison.Ordinal));

    /// <summary>A file that an example names.</summary>
    public string Write(string name, string text) => folder.Write(name, text);

    /// <summary>The settings of an example, which must have no fault.</summary>
    /// <param name="example">With what it names replaced by what is there.</param>
    /// <param name="noticed">Keys that are questionable, and are meant to be.</param>
    public RegistrySettings Read(string example, params string[] noticed)
    {
        var result = folder.Load(example);
        Assert.True(
            noticed.SequenceEqual(result.Faults.Select(fault => fault.Key)) && result.Settings is not null,
            $"{SettingsFolder.Print(result)}\nin:\n{example}");
        return result.Settings;
    }

    /// <summary>Starts a registry that differs from others of the tests in what the example says.</summary>
    /// <param name="settings">As <see cref="Read"/> returns them.</param>
    /// <param name="auth">Adds to the ways to sign in.</param>
    /// <param name="access">Rules besides those of the example.</param>
    public static Task<RegistryFixture> StartAsync(
        RegistrySettings settings, Func<AuthSettings, AuthSettings>? auth = null,
        params IEnumerable<AccessRuleSettings> access)
    {
        var own = settings.Auth ?? new AuthSettings();
        return RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with { Tls = settings.Http.Tls },
            Auth = auth?.Invoke(own) ?? own,
            Access = [.. settings.Access, .. access],
        });
    }

    public void Dispose() => folder.Dispose();

    private static bool IsSettings(string block) =>
        block.Split('\n')[0] is "version: 0.1" or "auth:" or "access:" or "http:" or "ratelimits:";
}
