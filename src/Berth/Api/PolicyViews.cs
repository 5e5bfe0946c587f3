using Berth.Metadata;
using Berth.Policies;

namespace Berth.Api;

/// <summary>A policy: what images of some repositories must be like.</summary>
internal sealed record PolicyView(
    long Id, string Names, bool IsMandatory, bool OnlyWarns, IReadOnlyList<string> On, IReadOnlyList<string> Exempt,
    string? MaxSeverity, bool RefusesExploited, bool OnlyFixable, double? FixGraceSeconds, double? ScanGraceSeconds,
    bool AllowsUnscanned, bool IsSigned, IReadOnlyList<string> SignedBy, bool HasSbom, bool HasProvenance,
    IReadOnlyList<string> Labels, double? MaxAgeSeconds, IReadOnlyList<string> BaseImages,
    IReadOnlyList<string> AllowedLicenses, IReadOnlyList<string> DeniedLicenses, bool AllowsUnknownLicenses,
    DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    /// <summary>After it was written: what about it may not be meant.</summary>
    public IReadOnlyList<string>? Notices { get; init; }

    ChangeNote INoted.Note => new($"{Id}", Names);

    public static PolicyView Of(PolicyRow row) => new(
        row.Id, row.Names, row.IsMandatory, row.Spec.OnlyWarns,
        row.Spec.On.Count > 0 ? row.Spec.On : [PolicyMoments.Pull, PolicyMoments.Promotion], row.Spec.Exempt,
        row.Spec.MaxSeverity, row.Spec.RefusesExploited, row.Spec.OnlyFixable, row.Spec.FixGraceSeconds,
        row.Spec.ScanGraceSeconds, row.Spec.AllowsUnscanned, row.Spec.IsSigned, row.Spec.SignedBy, row.Spec.HasSbom,
        row.Spec.HasProvenance, row.Spec.Labels, row.Spec.MaxAgeSeconds, row.Spec.BaseImages,
        row.Spec.AllowedLicenses, row.Spec.DeniedLicenses, row.Spec.AllowsUnknownLicenses, row.CreatedAt,
        row.CreatedBy, row.Version);
}

/// <summary>A policy to be made, or to take the place of another.</summary>
/// <param name="IsMandatory">Whether only administrators change it, and only what they say satisfies it: by default, if
/// an administrator makes it.</param>
internal sealed record NewPolicy(
    string Names, bool? IsMandatory = null, bool? OnlyWarns = null, IReadOnlyList<string>? On = null,
    IReadOnlyList<string>? Exempt = null, string? MaxSeverity = null, bool? RefusesExploited = null,
    bool? OnlyFixable = null, double? FixGraceSeconds = null, double? ScanGraceSeconds = null,
    bool? AllowsUnscanned = null, bool? IsSigned = null, IReadOnlyList<string>? SignedBy = null, bool? HasSbom = null,
    bool? HasProvenance = null, IReadOnlyList<string>? Labels = null, double? MaxAgeSeconds = null,
    IReadOnlyList<string>? BaseImages = null, IReadOnlyList<string>? AllowedLicenses = null,
    IReadOnlyList<string>? DeniedLicenses = null, bool? AllowsUnknownLicenses = null)
{
    public PolicySpec ToSpec() => new()
    {
        OnlyWarns = OnlyWarns == true,
        On = On ?? [],
        Exempt = Exempt ?? [],
        MaxSeverity = MaxSeverity,
        RefusesExploited = RefusesExploited == true,
        OnlyFixable = OnlyFixable == true,
        FixGraceSeconds = FixGraceSeconds,
        ScanGraceSeconds = ScanGraceSeconds,
        AllowsUnscanned = AllowsUnscanned == true,
        IsSigned = IsSigned == true,
        SignedBy = SignedBy ?? [],
        HasSbom = HasSbom == true,
        HasProvenance = HasProvenance == true,
        Labels = Labels ?? [],
        MaxAgeSeconds = MaxAgeSeconds,
        BaseImages = BaseImages ?? [],
        AllowedLicenses = AllowedLicenses ?? [],
        DeniedLicenses = DeniedLicenses ?? [],
        AllowsUnknownLicenses = AllowsUnknownLicenses == true,
    };
}

/// <summary>What a policy has against an image.</summary>
/// <param name="Policy">Its number; null for one that is only tried.</param>
/// <param name="Names">The repositories that it is about.</param>
/// <param name="Reasons">What the image lacks, each with what to do.</param>
internal sealed record ObjectionView(
    long? Policy, string Names, bool OnlyWarns, IReadOnlyList<string> Reasons)
{
    public static ObjectionView Of(Objection one) => new(
        one.Policy.Row.Id == 0 ? null : one.Policy.Row.Id, one.Policy.Row.Names, one.OnlyWarns, one.Reasons());
}

/// <summary>What policies say of an image.</summary>
/// <param name="Policies">How many are about it.</param>
/// <param name="IsRefused">Whether it is refused to all but those who are exempt.</param>
internal sealed record ImagePoliciesView(
    string Digest, string? Platform, string On, int Policies, bool IsRefused, IReadOnlyList<ObjectionView> Items);

/// <summary>An image that a policy would be against.</summary>
internal sealed record PlannedRefusalView(
    string Repository, string Digest, IReadOnlyList<string> Tags, DateTimeOffset? PulledAt,
    IReadOnlyList<string> Reasons);

/// <summary>Who may pull from a repository, and would be refused.</summary>
/// <param name="IsPublic">Whether that is anybody.</param>
/// <param name="Names">Users, robots and teams; null if the caller may not know.</param>
internal sealed record PolicyAudienceView(string Repository, bool IsPublic, IReadOnlyList<string>? Names);

/// <summary>What a policy would be against, as images are now.</summary>
/// <param name="Judged">How many images were looked at.</param>
/// <param name="Refused">How many of these it is against.</param>
/// <param name="Next">Where to go on: as <c>last</c> of the next request; null at the end.</param>
internal sealed record PolicyPlan(
    long Judged, long Refused, IReadOnlyList<PlannedRefusalView> Items, IReadOnlyList<PolicyAudienceView> Audience,
    string? Next);

/// <summary>A vulnerability that policies pass over.</summary>
internal sealed record WaiverView(
    long Id, string Names, string Vulnerability, string? Package, string Reason, DateTimeOffset? Until,
    bool IsMandatory, DateTimeOffset CreatedAt, string CreatedBy) : INoted
{
    /// <summary>After it was made: what about it may not be meant.</summary>
    public IReadOnlyList<string>? Notices { get; init; }

    ChangeNote INoted.Note => new($"{Id}", $"{Vulnerability} in {Names}: {Reason}");

    public static WaiverView Of(WaiverRow row) => new(
        row.Id, row.Names, row.Vulnerability, row.Package.Length > 0 ? row.Package : null, row.Reason, row.Until,
        row.IsMandatory, row.CreatedAt, row.CreatedBy);
}

/// <summary>A vulnerability to be passed over.</summary>
internal sealed record NewWaiver(
    string Names, string Vulnerability, string Reason, string? Package = null, DateTimeOffset? Until = null);
