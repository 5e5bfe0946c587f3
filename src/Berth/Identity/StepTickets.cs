using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Berth.Access;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What a browser gets after one step of a sign-in, and shows at the next.</summary>
/// <param name="Text">What the browser gets.</param>
/// <param name="AccountId">Whose step it was; 0 if that is not known yet.</param>
/// <param name="MadeAt">When, to the millisecond.</param>
internal sealed record StepTicket(string Text, long AccountId, DateTimeOffset MadeAt)
{
    /// <summary>What a passkey signs: it depends on the whole ticket, which nobody can foresee.</summary>
    public byte[] Challenge => SHA256.HashData(Encoding.UTF8.GetBytes(Text));
}

/// <summary>
/// Makes and reads <see cref="StepTicket"/>s. They are signed with the keys of access tokens, so that no node has to
/// remember them, and strangers can't fill a table by beginning sign-ins.
/// </summary>
internal sealed class StepTickets(SecondFactorSettings settings, TokenKeys keys, TimeProvider clock)
{
    /// <summary>After the right password, with a second factor to come.</summary>
    public const string SecondFactor = "second-factor";

    /// <summary>Before a sign-in with a passkey alone.</summary>
    public const string Passkey = "passkey";

    /// <summary>Before a passkey is added.</summary>
    public const string NewPasskey = "new-passkey";

    private const int RandomBytes = 16;

    /// <summary>On the curve P-256.</summary>
    private const int SignatureBytes = 64;

    private const int MaxChars = 512;

    /// <summary>How long a ticket is good.</summary>
    public TimeSpan Lifetime => settings.StepLifetime;

    /// <param name="purpose">The step that comes next. A ticket is good for no other.</param>
    /// <param name="accountId">Whose it is; 0 if that is not known yet.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<StepTicket> MakeAsync(string purpose, long accountId, CancellationToken cancellation)
    {
        var key = (await keys.AllAsync(cancellation))[0];
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var random = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        var text = string.Create(CultureInfo.InvariantCulture, $"{purpose}.{accountId}.{now}.{random}.{key.Id}");
        var signature = key.Key.ECDsa.SignData(SignedBytes(text), HashAlgorithmName.SHA256);
        return new StepTicket(
            $"{text}.{Base64Url.EncodeToString(signature)}", accountId, DateTimeOffset.FromUnixTimeMilliseconds(now));
    }

    /// <summary>Null if it is no ticket for this step, or too old.</summary>
    public async ValueTask<StepTicket?> ReadAsync(string purpose, string? text, CancellationToken cancellation)
    {
        if (text is not { Length: <= MaxChars }
            || text.Split('.') is not [var word, var id, var time, _, var kid, var end]
            || word != purpose || !Base64Url.IsValid(end) || end.Length != Base64Url.GetEncodedLength(SignatureBytes)
            || !long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var accountId)
            || !long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var madeAt)
            || await keys.FindAsync(kid, cancellation) is not { } key)
        {
            return null;
        }

        var signed = SignedBytes(text[..text.LastIndexOf('.')]);
        if (!key.Key.ECDsa.VerifyData(signed, Base64Url.DecodeFromChars(end), HashAlgorithmName.SHA256)) return null;
        var age = clock.GetUtcNow().ToUnixTimeMilliseconds() - madeAt;
        return age < Lifetime.TotalMilliseconds
            ? new StepTicket(text, accountId, DateTimeOffset.FromUnixTimeMilliseconds(madeAt))
            : null;
    }

    /// <summary>No token can look so: what is signed of a JWT has no spaces (RFC 7515, section 5.1).</summary>
    private static byte[] SignedBytes(string text) => Encoding.UTF8.GetBytes("berth step ticket " + text);
}
