using Berth.Settings;
using Berth.Tests.Settings;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in.md.</summary>
public sealed class SignInDocumentTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly CertificateFolder _certificates = new();

    public void Dispose()
    {
        _folder.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public void Each_example_of_settings_is_read_without_a_fault()
    {
        _certificates.WriteServer();
        var users = _folder.Write("users", "ann:" + BCrypt.Net.BCrypt.HashPassword("x", 4));
        var examples = Examples();
        Assert.Equal(4, examples.Count);
        foreach (var example in examples)
        {
            var result = _folder.Load(example
                .Replace("/etc/berth/htpasswd", users)
                .Replace("/etc/berth/tls/fullchain.pem", _certificates.Certificate)
                .Replace("/etc/berth/tls/privkey.pem", _certificates.Key)
                .Replace("/etc/berth/tls/clients.pem", _certificates.ClientIssuer));
            Assert.True(result.Faults.Count == 0, SettingsFolder.Print(result));
            Assert.True(result.Settings!.Auth?.HasUsers == true || result.Settings.Access.Count > 0);
        }
    }

    private static List<string> Examples()
    {
        var page = File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "sign-in.md"));
        return [.. page.Split("```yaml\n")[1..].Select(rest => rest[..rest.IndexOf("```", StringComparison.Ordinal)])];
    }
}
