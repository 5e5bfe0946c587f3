using Berth.Metadata;
using Berth.Oci;
using Semver;

namespace Berth.Registry;

/// <summary>A rule on tags, ready to be asked.</summary>
internal sealed class TagRule
{
    /// <summary>More is no number that anybody means.</summary>
    private const int MaxKept = 1_000_000;

    private const double MaxSeconds = 100d * 365 * 24 * 3600;

    private readonly List<TagPattern> tags;
    private readonly List<TagPattern> except;
    private readonly TagPattern? groupBy;
    private readonly SemVersionRange? versions;

    private TagRule(
        TagRuleRow row, NamePattern names, List<TagPattern> tags, List<TagPattern> except, TagPattern? groupBy,
        SemVersionRange? versions) =>
        (Row, Names, this.tags, this.except, this.groupBy, this.versions) =
            (row, names, tags, except, groupBy, versions);

    public TagRuleRow Row { get; }

    public TagRuleSpec Spec => Row.Spec;

    /// <summary>The repositories that it is about.</summary>
    public NamePattern Names { get; }

    /// <summary>As messages name it. One that is only tried has no number.</summary>
    public string Name =>
        $"{(Row.Id == 0 ? "the new rule" : $"rule {Row.Id}")} "
        + $"({Row.Names}{(Spec.Tags.Count == 0 ? "" : ": ")}{string.Join(", ", Spec.Tags)})";

    /// <summary>Makes a rule of what was written, or says what is wrong with it.</summary>
    public static TagRule? TryRead(TagRuleRow row, out string fault)
    {
        fault = FaultOf(row.Spec);
        if (!NamePattern.TryParse(row.Names, out var names))
            fault = $"'{row.Names}' matches no repository: write acme/app, acme/* or acme/**";
        SemVersionRange? versions = null;
        if (row.Spec.KeepVersions is { } range
            && !SemVersionRange.TryParseNpm(range, includeAllPrerelease: true, out versions))
        {
            fault = $"'{range}' is no range of versions: write >=1.2.0 <2.0.0, ^1.2 or 1.x";
        }

        if (fault.Length > 0) return null;
        var tags = Read(row.Spec.Tags, ref fault);
        var except = Read(row.Spec.Except, ref fault);
        var groupBy = row.Spec.GroupBy is { } group ? Read([group], ref fault).FirstOrDefault() : null;
        return fault.Length > 0 ? null : new TagRule(row, names, tags, except, groupBy, versions);
    }

    public bool IsFor(RepositoryName repository) => Names.Matches(repository.Text);

    /// <summary>
    /// Whether it is about a tag. What cosign and the referrers' fallback attach to an image goes with the image, and
    /// is replaced whenever something is attached.
    /// </summary>
    public bool IsFor(string tag) => AttachmentTag.SubjectOf(tag) is null && IsNamed(tag);

    /// <summary>Whether it says how long a tag stays that attaches something to what is not there.</summary>
    public bool IsForOrphan(string tag) => Spec.OrphanedSeconds is not null && IsForAttachment(tag);

    /// <summary>Whether it keeps a tag that attaches something, whatever other rules say.</summary>
    public bool KeepsOrphan(string tag) =>
        Spec is { KeepsAlways: true, OrphanedSeconds: null } && IsForAttachment(tag);

    /// <summary>Whether a tag counts as one that it matches.</summary>
    public bool Matches(string tag) => IsForOrphan(tag)
        || (Spec is not { OrphanedSeconds: not null, Keeps: false } && IsFor(tag));

    private bool IsForAttachment(string tag) => AttachmentTag.SubjectOf(tag) is not null && IsNamed(tag);

    /// <summary>The group in which its numbers count.</summary>
    public string GroupOf(string tag) => groupBy?.GroupOf(tag) ?? "";

    /// <summary>Whether a tag is a version in the range that stays.</summary>
    public bool KeepsVersion(string tag) => versions is not null
        && SemVersion.TryParse(tag, SemVersionStyles.Any, out var version) && versions.Contains(version);

    private bool IsNamed(string tag) => (tags.Count == 0 || tags.Exists(pattern => pattern.IsMatch(tag)))
        && !except.Exists(pattern => pattern.IsMatch(tag));

    private static string FaultOf(TagRuleSpec spec)
    {
        var keeps = spec.Keeps || spec.UntaggedSeconds is not null || spec.OrphanedSeconds is not null;
        if (spec.IsImmutable) return keeps ? "a rule makes tags immutable, or says which stay: make two of it" : "";
        if (!keeps) return "the rule says nothing about what stays";
        if (spec.KeepLastPushed is < 1 or > MaxKept || spec.KeepLastPulled is < 1 or > MaxKept)
            return $"the number of images that stay is from 1 to {MaxKept}";
        return new[] { spec.KeepForSeconds, spec.UntaggedSeconds, spec.OrphanedSeconds }.Any(
            seconds => seconds is <= 0 or > MaxSeconds) ? "times are above 0, and at most 100 years" : "";
    }

    private static List<TagPattern> Read(IReadOnlyList<string> texts, ref string fault)
    {
        var patterns = new List<TagPattern>();
        foreach (var text in texts)
        {
            if (TagPattern.TryParse(text, out var wrong) is { } pattern) patterns.Add(pattern);
            else fault = wrong;
        }

        return patterns;
    }
}
