using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace Berth.Import;

/// <summary>How a registry wants to be asked: <c>WWW-Authenticate</c> of a 401 (RFC 9110, section 11.6.1).</summary>
/// <param name="IsBearer">With a token; false: with the password itself.</param>
/// <param name="Realm">Where tokens come from; empty without.</param>
/// <param name="Service">The registry's name there; empty if it has none.</param>
/// <param name="Scope">What the token must be good for; empty if the registry does not say.</param>
internal sealed partial record AuthChallenge(bool IsBearer, string Realm, string Service, string Scope)
{
    /// <summary>The one that can be answered; a token's if both can. Null if there is none.</summary>
    public static AuthChallenge? Read(HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues("WWW-Authenticate", out var values)) return null;
        AuthChallenge? basic = null;
        foreach (var value in values)
        {
            if (value.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            {
                var fields = Field().Matches(value).DistinctBy(match => match.Groups[1].Value.ToLowerInvariant())
                    .ToDictionary(match => match.Groups[1].Value.ToLowerInvariant(), ValueOf);
                return new AuthChallenge(
                    true, fields.GetValueOrDefault("realm", ""), fields.GetValueOrDefault("service", ""),
                    fields.GetValueOrDefault("scope", ""));
            }

            if (value.StartsWith("Basic", StringComparison.OrdinalIgnoreCase))
                basic = new AuthChallenge(false, "", "", "");
        }

        return basic;
    }

    private static string ValueOf(Match match) =>
        match.Groups[2].Success ? match.Groups[2].Value.Replace("\\", "", StringComparison.Ordinal)
            : match.Groups[3].Value;

    [GeneratedRegex("""([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""", RegexOptions.NonBacktracking)]
    private static partial Regex Field();
}
