using System.Buffers.Text;
using System.Text;
using Berth.Settings;

namespace Berth.Access;

/// <summary>What a request wants to do. Each route names its action.</summary>
internal enum AccessAction
{
    /// <summary>Nothing but to learn that this is a registry, and to have credentials checked.</summary>
    SignIn,
    Pull,
    Push,
    Delete,
    Catalog,
}

/// <summary>Who a request comes from.</summary>
internal sealed record Actor(string Name)
{
    public static Actor Anonymous { get; } = new("anonymous");
}

/// <summary>May the request go on: the actor if so, else whether signing in would help.</summary>
internal readonly record struct AccessDecision(Actor? Actor, string? Reason)
{
    public static AccessDecision Allow(Actor actor) => new(actor, null);

    public static AccessDecision SignInFirst(string reason) => new(null, reason);
}

/// <summary>
/// Decides what a request may do. Users of the htpasswd file may do everything, as in distribution; the others what
/// <c>auth.anonymous</c> says. Without an auth section, which the settings allow on loopback only, all may do
/// everything.
/// </summary>
internal sealed class AccessCheck(AuthSettings? settings, HtpasswdFile? htpasswd)
{
    private const string Scheme = "Basic ";

    private readonly AnonymousAccess anonymous = settings?.Anonymous ?? AnonymousAccess.Full;

    /// <summary>The challenge that goes with a 401 (RFC 9110, section 11.6.1).</summary>
    public string Challenge { get; } = $"Basic realm=\"{settings?.Htpasswd?.Realm ?? "Berth"}\"";

    public AccessDecision Decide(HttpRequest request, AccessAction action)
    {
        // Without users there is nothing to check, and what is not Basic can't be meant for this registry: clients
        // send their credentials for one registry to its mirrors too, and that must do no harm.
        if (htpasswd is null || request.Headers.Authorization is not [{ } header] || !IsBasic(header))
        {
            return DecideAnonymous(action);
        }

        if (!TryReadBasic(header, out var user, out var password))
        {
            return AccessDecision.SignInFirst("unsupported credentials");
        }

        return htpasswd.Verify(user, password)
            ? AccessDecision.Allow(new Actor(user))
            : AccessDecision.SignInFirst("wrong user name or password");
    }

    /// <summary>
    /// Clients send credentials only after a challenge on /v2/, so where users exist it asks for them.
    /// </summary>
    private AccessDecision DecideAnonymous(AccessAction action)
    {
        var isAllowed = anonymous switch
        {
            AnonymousAccess.Full => true,
            AnonymousAccess.Pull => action is AccessAction.Pull or AccessAction.Catalog
                || (action is AccessAction.SignIn && htpasswd is null),
            _ => false,
        };
        return isAllowed
            ? AccessDecision.Allow(Actor.Anonymous)
            : AccessDecision.SignInFirst("authentication required");
    }

    private static bool IsBasic(string header) => header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>RFC 7617, section 2: no control characters. A NUL would end the password early for crypt(3).</summary>
    private static bool TryReadBasic(string header, out string user, out string password)
    {
        (user, password) = ("", "");
        if (header.Length > 4096) return false;
        var encoded = header.AsSpan(Scheme.Length).Trim();
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(encoded.Length)];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var length)) return false;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || text.Any(char.IsControl)) return false;
        (user, password) = (text[..colon], text[(colon + 1)..]);
        return true;
    }
}
