using System.Text.Json;

namespace Berth.Signatures;

/// <summary>Reads a <c>trustpolicy.json</c>. All methods throw FormatException.</summary>
internal static class NotationPolicyReader
{
    private const int MaxItems = 1000;
    private const string SubjectStart = "x509.subject:";
    private static readonly string[] StoreTypes = ["ca:", "signingAuthority:", "tsa:"];

    /// <summary>What can be overridden. Integrity can't.</summary>
    private static readonly string[] Checks = ["authenticity", "authenticTimestamp", "expiry", "revocation"];

    public static IReadOnlyList<NotationPolicy> Read(ReadOnlyMemory<byte> json)
    {
        using var document = SignatureJson.Parse(json, "the trust policy");
        var root = document.RootElement;
        if (SignatureJson.Text(root, "version") != "1.0")
            throw new FormatException("trust policies of this version are not supported");
        var policies = SignatureJson.Items(root, "trustPolicies", MaxItems).ConvertAll(ReadPolicy);
        if (policies.Count == 0) throw new FormatException("there are no trust policies");
        if (TwiceIn(policies.Select(one => one.Name)) is { } name)
            throw new FormatException($"two policies have the name {name}");
        if (TwiceIn(policies.SelectMany(one => one.Scopes)) is { } scope)
            throw new FormatException($"two policies are for {scope}");
        return policies;
    }

    private static NotationPolicy ReadPolicy(JsonElement policy)
    {
        var name = SignatureJson.Text(policy, "name");
        try
        {
            var verification = SignatureJson.Field(policy, "signatureVerification");
            var level = SignatureJson.Text(verification, "level");
            var scopes = ReadScopes(policy);
            return level switch
            {
                "strict" or "permissive" or "audit" => ReadChecks(policy, verification, scopes, level == "strict"),
                "skip" when scopes is not [NotationPolicy.AnyRepository] =>
                    new NotationPolicy(name, scopes, [], []) { IsSkipped = true },
                "skip" => throw new FormatException("the level skip can't be for all repositories"),
                _ => throw new FormatException($"there is no level {level}"),
            };
        }
        catch (FormatException e)
        {
            throw new FormatException($"the policy {name}: {e.Message}", e);
        }
    }

    private static NotationPolicy ReadChecks(
        JsonElement policy, JsonElement verification, List<string> scopes, bool isStrict)
    {
        var stores = Texts(policy, "trustStores");
        if (!stores.Exists(one => !one.StartsWith("tsa:", StringComparison.Ordinal)))
            throw new FormatException("it has no trust store for signers");
        if (stores.Find(one => !Array.Exists(StoreTypes, type => one.StartsWith(type, StringComparison.Ordinal)))
            is { } unknown)
        {
            throw new FormatException($"there is no type of trust store like that of {unknown}");
        }

        var actions = ReadOverrides(verification);
        var failing = isStrict ? NotationAction.Enforce : NotationAction.Log;
        return new NotationPolicy(SignatureJson.Text(policy, "name"), scopes, stores, ReadIdentities(policy))
        {
            OnTime = actions.GetValueOrDefault("authenticTimestamp", failing),
            OnExpiry = actions.GetValueOrDefault("expiry", failing),
            IsTimestampForExpired = SignatureJson.OptionalText(verification, "verifyTimestamp") switch
            {
                null or "always" => false,
                "afterCertExpiry" => true,
                var other => throw new FormatException($"verifyTimestamp can't be {other}"),
            },
        };
    }

    private static Dictionary<string, NotationAction> ReadOverrides(JsonElement verification)
    {
        var actions = new Dictionary<string, NotationAction>();
        foreach (var (check, action) in SignatureJson.Texts(SignatureJson.Optional(verification, "override")))
        {
            if (!Checks.Contains(check)) throw new FormatException($"{check} can't be overridden");
            actions[check] = action switch
            {
                "enforce" => NotationAction.Enforce,
                "log" => NotationAction.Log,
                "skip" when check != "authenticity" => NotationAction.Skip,
                _ => throw new FormatException($"{check} can't be overridden with {action}"),
            };
        }

        return actions;
    }

    private static List<string> ReadScopes(JsonElement policy)
    {
        var scopes = Texts(policy, "registryScopes");
        if (scopes.Count == 0) throw new FormatException("it is for no repository");
        if (scopes.Count > 1 && scopes.Contains(NotationPolicy.AnyRepository))
            throw new FormatException("* can't stand beside other scopes");
        return scopes.Find(one => one != NotationPolicy.AnyRepository && one.Contains('*')) is { } pattern
            ? throw new FormatException($"the scope {pattern} has a wildcard") : scopes;
    }

    private static List<DistinguishedName>? ReadIdentities(JsonElement policy)
    {
        var identities = Texts(policy, "trustedIdentities");
        if (identities is ["*"]) return null;
        if (identities.Count == 0) throw new FormatException("it trusts nobody");
        return identities.ConvertAll(one => one.StartsWith(SubjectStart, StringComparison.Ordinal)
            ? DistinguishedName.Parse(one[SubjectStart.Length..])
            : throw new FormatException($"the identity {one} is neither * nor an x509.subject"));
    }

    private static List<string> Texts(JsonElement policy, string name) =>
        SignatureJson.Items(policy, name, MaxItems).ConvertAll(one => one.ValueKind == JsonValueKind.String
            ? one.GetString()! : throw new FormatException($"{name} does not hold texts alone"));

    private static string? TwiceIn(IEnumerable<string> texts) =>
        texts.GroupBy(one => one).FirstOrDefault(one => one.Skip(1).Any())?.Key;
}
