namespace Berth.Identity;

/// <summary>A user whom another system vouches for.</summary>
/// <param name="Source">The system, such as <c>ldap</c>.</param>
/// <param name="Subject">
/// Identifies the user in the source, even after a change of name: <c>objectGUID</c> or <c>entryUUID</c>, or the DN in
/// lower case if the directory has neither.
/// </param>
/// <param name="Name">The name that the user signed in with, as the source spells it.</param>
/// <param name="DisplayName">The name for people to read.</param>
/// <param name="Email">An e-mail address.</param>
/// <param name="IsEmailVerified">The source made sure that the address is the user's.</param>
/// <param name="Groups">The groups that the user is in, as the source calls them.</param>
internal sealed record ExternalUser(
    string Source,
    string Subject,
    string Name,
    string? DisplayName,
    string? Email,
    bool IsEmailVerified,
    IReadOnlyList<string> Groups)
{
    /// <summary>Since when the password there is what it is; null if the source does not tell.</summary>
    public DateTimeOffset? PasswordSetAt { get; init; }
}
