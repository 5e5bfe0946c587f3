using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Accepts tokens of OpenID issuers in place of passwords, and tells by rules on their claims what they may do.
/// Clients send a token with each request, so verified ones are remembered under a keyed hash until they expire or
/// their issuer's keys change.
/// </summary>
internal sealed partial class KeylessTokens
{
    /// <summary>The cache of verified tokens, in characters: some thousands of the usual length.</summary>
    private const long KeptChars = 8 << 20;

    private readonly BoundedCache<Verified> known = new(KeptChars);
    private readonly Dictionary<string, KeylessIssuer> issuers;
    private readonly IReadOnlyList<KeylessRule> ownRules;
    private readonly KeylessSettings settings;
    private readonly TimeProvider clock;
    private readonly StoredKeylessRules? stored;
    private readonly ILogger<KeylessTokens> log;
    private volatile IReadOnlyList<KeylessRule> rules;

    /// <param name="settings">Issuers and rules.</param>
    /// <param name="clock">The time.</param>
    /// <param name="log">Issuers that are away, and rules in the database that can't be used.</param>
    /// <param name="stored">The rules in the database; null if there are none but those of the settings.</param>
    /// <exception cref="StartException">A rule or a file can't be used.</exception>
    public KeylessTokens(
        KeylessSettings settings, TimeProvider clock, ILogger<KeylessTokens> log, StoredKeylessRules? stored = null)
    {
        (this.settings, this.clock, this.log, this.stored) = (settings, clock, log, stored);
        issuers = settings.Issuers.ToDictionary(
            issuer => issuer.Url, issuer => new KeylessIssuer(issuer, settings, clock, log), StringComparer.Ordinal);
        ownRules = KeylessRules.Read(settings, out var faults);
        if (faults.Find(fault => fault.Severity == Severity.Error) is { } fault)
            throw new StartException($"{fault.Key}: {fault.Message}");
        rules = ownRules;
    }

    /// <summary>Whether a password should be checked as a token. Takes little time.</summary>
    public static bool LooksLikeToken(ReadOnlySpan<char> password) => SentToken.IsLikely(password);

    /// <summary>Everything wrong with the rules and files that the settings name.</summary>
    public static IEnumerable<SettingsFault> Check(AuthSettings? settings)
    {
        if (settings?.Keyless is not { } keyless) return [];
        KeylessRules.Read(keyless, out var faults);
        return faults;
    }

    /// <summary>Sets the rules that are valid beside those of the settings, from now on for all tokens.</summary>
    public void ReplaceFurtherRules(IEnumerable<KeylessRule> further) => rules = [.. ownRules, .. further];

    /// <summary>Who sent a token.</summary>
    /// <param name="token">Any text.</param>
    /// <param name="cancellation">Stops waiting for the issuer.</param>
    public ValueTask<KeylessAnswer> CheckAsync(string token, CancellationToken cancellation) =>
        CheckAsync(token, TimeSpan.Zero, cancellation);

    /// <summary>The same for a request that may come later than the token expires.</summary>
    /// <param name="token">Any text.</param>
    /// <param name="patience">How long ago it may have expired: it may do so during an upload that it began.</param>
    /// <param name="cancellation">Stops waiting for the issuer.</param>
    public async ValueTask<KeylessAnswer> CheckAsync(
        string token, TimeSpan patience, CancellationToken cancellation)
    {
        if (token.Length > SentToken.MaxChars) return KeylessAnswer.Refused("the token is too long");
        if (stored is not null) await stored.RefreshAsync(Take, cancellation);
        var proof = KeyedHash.Of(token);
        if (known.TryGet(proof, out var verified))
        {
            if (clock.GetElapsedTime(verified.VerifiedAt) >= verified.Left + patience)
                return KeylessAnswer.Refused("the token has expired");
            var keys = await verified.Issuer.Keys.CurrentAsync(cancellation);
            if (keys is null) return Away(verified.Issuer);
            if (keys == verified.Keys) return Answer(verified);
        }

        if (!SentToken.TryParse(token, out var sent, out var reason)) return KeylessAnswer.Refused(reason);
        if (!issuers.TryGetValue(sent.Issuer, out var issuer))
            return KeylessAnswer.Refused("the token is from an issuer that is not trusted here");
        return issuer.FindFault(sent, patience) is { } fault
            ? KeylessAnswer.Refused(fault)
            : await VerifyAsync(proof, sent, issuer, patience, cancellation);
    }

    /// <summary>Why a token gets the answer it gets.</summary>
    /// <param name="token">Any text.</param>
    /// <param name="cancellation">Stops waiting for the issuer.</param>
    public async ValueTask<KeylessExplanation> ExplainAsync(string token, CancellationToken cancellation)
    {
        var answer = await CheckAsync(token, cancellation);
        if (!SentToken.TryParse(token, out var sent, out _)) return new KeylessExplanation(answer, [], []);
        var current = rules;
        return new KeylessExplanation(answer, KeylessRules.FactsOf(sent), [.. issuers.Values.Select(Explain)]);

        IssuerExplanation Explain(KeylessIssuer issuer)
        {
            if (sent.Issuer != issuer.Url)
                return new IssuerExplanation(issuer.Name, $"the token's iss is not {issuer.Url}", []);

            // A token that no rule matches is valid all the same.
            var isValid = answer.Outcome == KeylessOutcome.Accepted || answer.Reason == NoRule(issuer);
            return new IssuerExplanation(issuer.Name, isValid ? null : answer.Reason, [.. current
                .Where(rule => rule.Issuer == issuer.Name)
                .Select(rule => new RuleExplanation(
                    rule.Through, rule.Condition.Text, rule.Condition.Holds(sent.Claims),
                    rule.Condition.WhyNot(sent.Claims)))]);
        }
    }

    /// <summary>A rule that can't be used, such as one for an issuer that is gone, allows nothing.</summary>
    private void Take(IReadOnlyList<KeylessRuleRow> rows)
    {
        var further = new List<KeylessRule>();
        foreach (var row in rows)
        {
            var rule = KeylessRules.Read(
                settings, row, (part, reason) => LogUnusable(row.Id, part, PlainText.Of(reason)));
            if (rule is not null) further.Add(rule);
        }

        ReplaceFurtherRules(further);
    }

    private async ValueTask<KeylessAnswer> VerifyAsync(
        string proof, SentToken sent, KeylessIssuer issuer, TimeSpan patience, CancellationToken cancellation)
    {
        if (await issuer.Keys.CurrentAsync(cancellation) is not { } keys) return Away(issuer);
        if (!keys.Knows(sent.KeyId)) keys = await issuer.Keys.NewerAsync(keys, cancellation);
        var able = keys.For(sent.KeyId, sent.Algorithm);
        if (able.Count == 0)
            return KeylessAnswer.Refused($"the token is signed with a key that issuer {issuer.Name} does not have");
        if (!await issuer.HasSignedAsync(sent, able, patience))
            return KeylessAnswer.Refused($"the token's signature is not by issuer {issuer.Name}");

        // From here on its age is measured by a monotonic clock.
        var (expires, now) = (sent.Expires!.Value, clock.GetUtcNow());
        var verified = new Verified(
            issuer, keys, sent.Subject, sent.Claims, expires, clock.GetTimestamp(), expires + settings.ClockSkew - now);
        known.Set(proof, verified, sent.Text.Length);
        return Answer(verified);
    }

    /// <summary>The same object until the rules change.</summary>
    private KeylessAnswer Answer(Verified token)
    {
        var current = rules;
        if (token.Judged is { } judged && judged.Rules == current) return judged.Answer;
        var answer = Judge(token, current);
        token.Judged = new Judgement(current, answer);
        return answer;
    }

    private static KeylessAnswer Judge(Verified token, IReadOnlyList<KeylessRule> rules)
    {
        var grants = new List<Grant>();
        string? name = null;
        foreach (var rule in rules)
        {
            if (rule.Issuer != token.Issuer.Name || !rule.Condition.Holds(token.Claims)) continue;
            grants.AddRange(rule.Grants);
            name ??= rule.NameFor(token.Claims);
        }

        if (grants.Count == 0) return KeylessAnswer.Refused(NoRule(token.Issuer));
        return KeylessAnswer.Accepted(new KeylessIdentity(
            token.Issuer.Name, token.Subject, $"{token.Issuer.Name}:{PlainText.Of(name ?? token.Subject)}",
            grants, token.Expires));
    }

    private static string NoRule(KeylessIssuer issuer) =>
        $"no rule for issuer {issuer.Name} matches the token's claims";

    private static KeylessAnswer Away(KeylessIssuer issuer) => KeylessAnswer.Unavailable(
        $"the token can't be checked: the keys of issuer {issuer.Name} can't be read; try again in a moment");

    [LoggerMessage(Level = LogLevel.Warning, Message = "Keyless rule {Id} allows nothing: {Part}: {Reason}")]
    private partial void LogUnusable(long id, string part, string reason);

    /// <summary>A token whose signature was verified, without the signature.</summary>
    private sealed record Verified(
        KeylessIssuer Issuer, IssuerKeySet Keys, string Subject, JsonElement Claims, DateTimeOffset Expires,
        long VerifiedAt, TimeSpan Left)
    {
        private volatile Judgement? judged;

        public Judgement? Judged
        {
            get => judged;
            set => judged = value;
        }
    }

    private sealed record Judgement(IReadOnlyList<KeylessRule> Rules, KeylessAnswer Answer);
}
