using System.Text.RegularExpressions;
using Berth.Settings;
using Berth.Tests.Settings;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in-oidc.md.</summary>
public sealed partial class OpenIdDocumentTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_example_is_read_without_a_fault()
    {
        var page = string.Join('\n', SourceTree.Files.Single(f => f.Path == "docs/sign-in-oidc.md").Lines);
        var secret = _folder.Write("secret", "secret");
        var names = new List<string>();
        foreach (Match example in Example().Matches(page))
        {
            var result = _folder.Load(FileKey().Replace(example.Groups[1].Value, "$1" + secret));
            Assert.Equal(
                example.Value.Contains("google", StringComparison.Ordinal) ? ["auth.oidc.0.requiredgroup"] : [],
                result.Faults.Select(fault => fault.Key));
            names.Add(Assert.Single(result.Settings!.Auth!.Oidc).Name);
        }

        Assert.Equal(["keycloak", "entra", "google", "github", "gitlab"], names);
    }

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(@"^( +clientsecretfile: )\S+", RegexOptions.Multiline)]
    private static partial Regex FileKey();
}
