using Berth.Settings;
using Berth.Tests.Access;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Which of the names in a client's certificate is the user's.</summary>
[Inside]
public sealed class CertificateNameTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CertificateName.Email, "jane@example.org", null, 202)]
    [InlineData(CertificateName.Email, "Jane@example.org", "admin", 202)]
    [InlineData(CertificateName.Email, "john@example.org", "jane", 401)]
    [InlineData(CertificateName.Email, null, "jane", 401)]
    [InlineData(CertificateName.Dns, null, "jane", 202)]
    [InlineData(CertificateName.Dns, "admin@example.org", "jane", 202)]
    [InlineData(CertificateName.Dns, "jane@example.org", "jane.example.org", 401)]
    [InlineData(CertificateName.Dns, "jane@example.org", null, 401)]
    [InlineData(CertificateName.CommonName, "jane@example.org", "jane", 401)]
    public async Task The_setting_says_which_name_of_a_certificate_is_the_user(
        CertificateName name, string? email, string? dns, int status)
    {
        using var files = new CertificateFolder();
        await using var registry = await StartAsync(
            auth => auth with { ClientCertificate = name },
            settings => settings with
            {
                Http = settings.Http with
                {
                    Tls = new TlsSettings
                    {
                        Certificate = files.Certificate,
                        Key = files.Key,
                        ClientCas = [files.ClientIssuer],
                    },
                },
            });
        await new AccountsOf(registry).AddUserAsync("jane", "never used here");

        using var certificate = files.CreateClient("mallory", email, dns);
        using var client = files.Connect(registry.BaseAddress, certificate);
        using var answer = await client.PostAsync("v2/jane/app/blobs/uploads/", null, Stop);
        Assert.Equal(status, (int)answer.StatusCode);
    }
}
