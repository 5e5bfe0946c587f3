using System.Security.Cryptography.X509Certificates;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Users who show a certificate. That it is signed by one of <c>http.tls.clientcas</c> was checked when the client
/// connected.
/// </summary>
internal sealed class CertificateUsers(CertificateName name, HtpasswdFile? htpasswd, KnownRights known)
{
    public bool AreUsed => name != CertificateName.None;

    /// <summary>The user whom a client's certificate names; anonymous if there is none.</summary>
    public async ValueTask<SignInResult> FindAsync(HttpContext http)
    {
        if (http.Connection.ClientCertificate is not { } certificate) return SignInResult.Anonymous;
        var text = NameIn(certificate);
        if (htpasswd?.Knows(text) == true)
            return new SignInResult(Caller.WithPassword(text) with { Method = SignInMethod.Certificate }, null);
        var account = AccountName.TryParse(text, out var parsed)
            ? await known.FindAccountAsync(parsed.Text, http.RequestAborted)
            : null;
        return account is { Kind: not AccountKinds.Organization, IsDisabled: false }
            ? new SignInResult(
                new Caller(
                    account.Id, account.Kind == AccountKinds.Robot ? CallerKind.Robot : CallerKind.User, account.Name,
                    SignInMethod.Certificate),
                null)
            : SignInResult.Anonymous;
    }

    private string NameIn(X509Certificate2 certificate) => name switch
    {
        CertificateName.Email => certificate.GetNameInfo(X509NameType.EmailName, forIssuer: false).Split('@')[0],
        CertificateName.Dns => certificate.GetNameInfo(X509NameType.DnsFromAlternativeName, forIssuer: false),
        _ => certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false),
    };
}
