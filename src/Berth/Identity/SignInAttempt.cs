using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Identity;

/// <summary>
/// A sign-in that has begun: the browser is at another system's page, and keeps this in a cookie until it comes back.
/// All that is sent elsewhere is derived from random bits that only this browser has, so an answer is good for one
/// browser and one attempt, and no node has to remember it.
/// </summary>
internal sealed record SignInAttempt
{
    /// <summary>How long people may take at the page, with a forgotten password and a second factor.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    private const int SecretBytes = 32;

    private readonly string page;
    private readonly string secret;
    private readonly long startedAt;

    private SignInAttempt(string page, string secret, long startedAt, string returnTo, string linkTo) =>
        (this.page, this.secret, this.startedAt, ReturnTo, LinkTo) = (page, secret, startedAt, returnTo, linkTo);

    /// <summary>The path to go to afterwards.</summary>
    public string ReturnTo { get; }

    /// <summary>
    /// The session whose account gets another way to sign in, by its hash, which nobody else knows; empty if it is a
    /// sign-in.
    /// </summary>
    public string LinkTo { get; }

    /// <summary>Comes back with the answer, and proves that it is for this browser (RFC 6749, section 10.12).</summary>
    public string State => Derive("state");

    /// <summary>Is in the token, and proves that it was issued for this attempt.</summary>
    public string Nonce => Derive("nonce");

    /// <summary>Proves that whoever redeems the code is who asked for it (RFC 7636).</summary>
    public string Verifier => Derive("verifier");

    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>For the cookie.</summary>
    public string Text => string.Create(
        CultureInfo.InvariantCulture,
        $"{secret}.{startedAt}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(ReturnTo))}.{LinkTo}");

    public static SignInAttempt Begin(string page, string returnTo, DateTimeOffset now, string linkTo = "") => new(
        page, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes)), now.ToUnixTimeSeconds(), returnTo,
        linkTo);

    /// <summary>Reads what <see cref="Text"/> wrote for the same page. False if it is too old, or no such.</summary>
    public static bool TryRead(
        string page, string? text, DateTimeOffset now, [NotNullWhen(true)] out SignInAttempt? attempt)
    {
        attempt = null;
        if (text?.Split('.') is not [{ } secret, var time, var path, var linkTo]) return false;
        if (secret.Length != Base64Url.GetEncodedLength(SecretBytes) || !Base64Url.IsValid(path)) return false;
        if (!long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var startedAt)) return false;
        var age = now.ToUnixTimeSeconds() - startedAt;
        var returnTo = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(path));
        if (age < 0 || age > (long)Lifetime.TotalSeconds || !ReturnPath.IsLocal(returnTo)) return false;
        attempt = new SignInAttempt(page, secret, startedAt, returnTo, linkTo);
        return true;
    }

    /// <summary>Whether an answer is for this attempt.</summary>
    public bool HasState(string? state) => state is not null && CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(state), Encoding.UTF8.GetBytes(State));

    private string Derive(string use) => Base64Url.EncodeToString(HMACSHA256.HashData(
        Encoding.UTF8.GetBytes(secret),
        Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{use}\n{page}\n{startedAt}\n{LinkTo}\n{ReturnTo}"))));
}

/// <summary>Where a browser may be sent after a sign-in.</summary>
internal static class ReturnPath
{
    private const int MaxChars = 1024;

    /// <summary>
    /// Whether it is a path of this server. Browsers take <c>//host</c> and <c>/\host</c> for another one, and leave
    /// out control characters before they look.
    /// </summary>
    public static bool IsLocal([NotNullWhen(true)] string? path) =>
        path is ['/', ..] and not ['/', '/' or '\\', ..] && path.Length <= MaxChars
        && path.All(c => c is > ' ' and <= '~' and not '\\');
}
