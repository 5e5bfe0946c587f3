using System.Text.RegularExpressions;
using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Settings;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in-keyless.md.</summary>
public sealed partial class KeylessDocumentTests : IDisposable
{
    private static readonly SourceFile Page = SourceTree.Files.Single(f => f.Path == "docs/sign-in-keyless.md");

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_example_of_settings_is_read_without_a_fault()
    {
        var examples = Page.BlocksOf("yaml")
            .Where(block => block.StartsWith("auth:", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, examples.Count);
        using var certificates = new CertificateFolder();
        var keys = _folder.Write("keys", TestIssuer.KeySet([TestKey.First.ToJson()]));
        foreach (var example in examples)
        {
            var yaml = FileKey().Replace(example, match => match.Result("$1") + (
                match.Value.Contains("jwks:") ? keys : certificates.ClientIssuer));
            var result = _folder.Load(yaml);
            Assert.Empty(result.Faults);
            Assert.Empty(KeylessTokens.Check(result.Settings!.Auth));
            Assert.NotEmpty(result.Settings.Auth!.Keyless!.Issuers.Single().Rules);
        }
    }

    [Fact]
    public void Each_example_of_a_condition_is_read()
    {
        foreach (var block in Page.BlocksOf(""))
            Assert.True(ClaimCondition.TryParse(block, out _, out var fault), fault);
        Assert.NotEmpty(Page.BlocksOf(""));
    }

    [GeneratedRegex(@"^( +(?:jwks|ca|tokenfile): )\S+", RegexOptions.Multiline)]
    private static partial Regex FileKey();
}
