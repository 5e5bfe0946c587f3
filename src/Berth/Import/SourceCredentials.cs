using System.Net.Http.Headers;
using System.Text;

namespace Berth.Import;

/// <summary>Who signs in at a registry that images are copied from. They are kept in memory only.</summary>
/// <param name="User">The user.</param>
/// <param name="Password">The password, or a token in place of it; empty with an identity token.</param>
/// <param name="IdentityToken">What docker login keeps where a registry gives it a refresh token; or null.</param>
internal sealed record SourceCredentials(string User, string Password, string? IdentityToken = null)
{
    public AuthenticationHeaderValue Basic =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));

    /// <summary>Secrets don't belong into logs and messages.</summary>
    public override string ToString() => User;
}
