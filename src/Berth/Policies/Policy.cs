using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Policies;

/// <summary>When a policy counts.</summary>
internal static class PolicyMoments
{
    public const string Pull = "pull";
    public const string Push = "push";

    /// <summary>A tag is pointed to an image that is there, or an image is copied to another repository.</summary>
    public const string Promotion = "promotion";

    public static readonly IReadOnlyList<string> All = [Pull, Push, Promotion];
}

/// <summary>A policy, ready to be asked.</summary>
internal sealed class Policy
{
    /// <summary>The severities that may be the worst, by their numbers.</summary>
    public static readonly IReadOnlyList<string> Severities = ["none", "low", "medium", "high"];

    private const int MaxTexts = 100;
    private const int MaxTextChars = 255;
    private const double MaxSeconds = 100d * 365 * 24 * 3600;
    private static readonly TimeSpan ScanGrace = TimeSpan.FromDays(1);

    private readonly HashSet<string> exempt;
    private readonly NamePattern names;

    private Policy(PolicyRow row, NamePattern names)
    {
        (Row, this.names) = (row, names);
        exempt = new HashSet<string>(row.Spec.Exempt, StringComparer.OrdinalIgnoreCase);
        Licenses = new LicenseRule(row.Spec);
        MaxSeverity = row.Spec.MaxSeverity is { } worst ? Severities.ToList().IndexOf(worst) : null;
    }

    public PolicyRow Row { get; }

    public PolicySpec Spec => Row.Spec;

    /// <summary>The repositories that it is about.</summary>
    public NamePattern Names => names;

    /// <summary>The worst severity that is let through, as findings have it; null: any.</summary>
    public int? MaxSeverity { get; }

    /// <summary>Which licences it lets through.</summary>
    public LicenseRule Licenses { get; }

    /// <summary>As messages name it. One that is only tried has no number.</summary>
    public string Name => $"{(Row.Id == 0 ? "the new policy" : $"policy {Row.Id}")} ({Row.Names})";

    /// <summary>How long an image is let through that was not looked into yet.</summary>
    public TimeSpan ScanGraceTime =>
        Spec.ScanGraceSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : ScanGrace;

    /// <summary>Makes a policy of what was written, or says what is wrong with it.</summary>
    public static Policy? TryRead(PolicyRow row, out string fault)
    {
        fault = FaultOf(row.Spec);
        if (!NamePattern.TryParse(row.Names, out var names))
            fault = $"'{row.Names}' matches no repository: write acme/app, acme/* or acme/**";
        return fault.Length > 0 ? null : new Policy(row, names);
    }

    public bool IsFor(RepositoryName repository) => names.Matches(repository.Text);

    public bool IsOn(string moment) =>
        Spec.On.Count == 0 ? moment != PolicyMoments.Push : Spec.On.Contains(moment);

    /// <summary>Whether it is not about what an account does.</summary>
    public bool Exempts(string account) => exempt.Contains(account);

    private static string FaultOf(PolicySpec spec)
    {
        if (spec.On.Any(one => !PolicyMoments.All.Contains(one)))
        {
            return $"a policy counts on {string.Join(", ", PolicyMoments.All)}, "
                + $"not on '{spec.On.First(one => !PolicyMoments.All.Contains(one))}'";
        }

        if (spec.MaxSeverity is { } worst && !Severities.Contains(worst))
            return $"the worst severity is {string.Join(", ", Severities)}, not '{worst}'";
        if (!spec.AsksForVulnerabilities && !spec.AsksForLicenses && !spec.AsksForSignatures && !spec.AsksForDocuments
            && spec.Labels.Count + spec.BaseImages.Count == 0 && spec.MaxAgeSeconds is null)
        {
            return "the policy asks for nothing";
        }

        if (!spec.AsksForVulnerabilities
            && (spec.OnlyFixable || spec.FixGraceSeconds is not null
                || (spec.ScanGraceSeconds is not null && !spec.AsksForLicenses)))
        {
            return "it says which vulnerabilities count, but not how bad they may be: set maxSeverity or "
                + "refusesExploited";
        }

        if (spec.Exempt.Contains(Caller.Anonymous.Name, StringComparer.OrdinalIgnoreCase))
            return "those who are not signed in can't be exempt: that would be everybody";
        var isOnlyOnPush = spec.On.Count > 0 && spec.On.All(one => one == PolicyMoments.Push);
        if (isOnlyOnPush && (spec.AsksForSignatures || spec.AsksForDocuments))
            return "signatures and the like come after the push of an image: ask for them on pull or promotion";
        if (spec.ScanGraceSeconds is < 0 or > MaxSeconds
            || new[] { spec.FixGraceSeconds, spec.MaxAgeSeconds }.Any(seconds => seconds is <= 0 or > MaxSeconds))
        {
            return "times are above 0, and at most 100 years";
        }

        return FaultOf(spec.Exempt, "exempt") ?? FaultOf(spec.SignedBy, "signedBy") ?? FaultOf(spec.Labels, "labels")
            ?? FaultOf(spec.BaseImages, "baseImages") ?? FaultOf(spec.AllowedLicenses, "allowedLicenses")
            ?? FaultOf(spec.DeniedLicenses, "deniedLicenses") ?? LicenseRule.FindFault(spec) ?? "";
    }

    private static string? FaultOf(IReadOnlyList<string> texts, string field)
    {
        if (texts.Count > MaxTexts) return $"{field} has at most {MaxTexts} entries";
        return texts.Any(text => text is not { Length: > 0 and <= MaxTextChars }
            || text.AsSpan().ContainsAnyInRange('\0', '\x1f'))
            ? $"{field} has entries of 1 to {MaxTextChars} characters, none of which is a control character" : null;
    }
}
