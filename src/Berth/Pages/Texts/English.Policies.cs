using System.Globalization;
using Berth.Api;

namespace Berth.Pages;

/// <summary>The pages on policies and waivers.</summary>
internal partial class English
{
    public virtual string Policies => "Policies";
    public virtual string PoliciesText =>
        "What images must be like to be pulled, pushed or promoted. Only administrators change mandatory policies. To "
        + "let a single vulnerability through, see";

    public virtual string NoPolicies => "There are no policies here.";
    public virtual string PolicyList => "The policies";
    public virtual string PolicyAsks => "An image must";
    public virtual string NewPolicy => "New policy";
    public virtual string AddPolicy => "Add the policy";
    public virtual string PreviewPolicy => "What would it refuse?";
    public virtual string PolicyRefuses => "Refuse other images";
    public virtual string PolicyWarns => "Only warn of other images";
    public virtual string PolicyOn => "When";
    public virtual string PolicySeverity => "Vulnerabilities";
    public virtual string AnySeverity => "any";
    public virtual string RefusesExploited => "None that is known to be exploited, whatever its severity";
    public virtual string OnlyFixableCount => "Only those with a fix count";
    public virtual string FixGrace => "Time for fixes";
    public virtual string FixGraceHelp => "How long a fix must have been available for a vulnerability to count: 14d.";
    public virtual string ScanGrace => "Time to be scanned";
    public virtual string ScanGraceHelp =>
        "How long a new image is let through before it is scanned. A day if empty.";

    public virtual string AllowsUnscanned => "Let images through that can't be scanned";
    public virtual string PolicySigned => "Signed by somebody who is trusted";
    public virtual string PolicySignedBy => "Signed by";
    public virtual string PolicySignedByHelp =>
        "Names of keys, identities or policies of trust, one a line: one of them must have verified a signature.";

    public virtual string PolicySbom => "With a bill of materials (SBOM)";
    public virtual string PolicyProvenance => "With its provenance";
    public virtual string PolicyLabelsHelp => "Labels that it must have, one a line: NAME or NAME=VALUE.";
    public virtual string PolicyAge => "Maximum age";
    public virtual string PolicyAgeHelp => "Since it was built: 90d.";
    public virtual string PolicyBases => "Base images";
    public virtual string PolicyBasesHelp =>
        "Patterns, one a line, one of which it must name as its base: docker.io/library/debian:*.";

    public virtual string PolicyDeniedLicenses => "Licences that no package may be under";
    public virtual string PolicyDeniedLicensesHelp => "As SPDX names them, or patterns, one a line: AGPL-*.";
    public virtual string PolicyAllowedLicenses => "Licences that packages may be under";
    public virtual string PolicyAllowedLicensesHelp =>
        "As SPDX names them, or patterns, one a line: MIT, BSD-*. Empty: any.";

    public virtual string AllowsUnknownLicenses => "Also allow packages whose licence is not known";
    public virtual string PolicyExempt => "Exempt accounts";
    public virtual string PolicyExemptHelp => "Accounts with spaces between or one a line: signers, scanners, robots.";
    public virtual string PolicyWho => "Who may change it";
    public virtual string PolicyOfAdministrators => "Administrators: it is mandatory";
    public virtual string PolicyOfOwners => "Whoever manages these repositories";
    public virtual string PolicyWhoHelp =>
        "What is mandatory is satisfied only by waivers of administrators, and by what the whole registry trusts.";

    public virtual string PolicyIsMandatory =>
        "It is mandatory: only administrators change it, and only their waivers and the registry's trust satisfy it.";

    public virtual string PolicyPlanTitle => "What it would refuse";
    public virtual string PolicyAudience => "Who would be refused";
    public virtual string Waivers => "Waivers";
    public virtual string WaiversText =>
        "Vulnerabilities that policies pass over. Only waivers of administrators count for mandatory policies. What "
        + "images must be like, see";

    public virtual string NoWaivers => "Nothing is waived.";
    public virtual string NewWaiver => "New waiver";
    public virtual string AddWaiver => "Waive it";
    public virtual string ForGood => "for good";
    public virtual string WaiverNameHelp => "As any database calls it: CVE-2024-3094, GHSA-….";
    public virtual string WaiverPackageHelp => "In this package alone, as it or its source is called. Empty: in any.";
    public virtual string WaiverReasonHelp => "For those who ask later.";
    public virtual string WaiverUntilHelp => "The last day. Empty: for good.";

    public virtual string WaiverName(WaiverView one) => one.Vulnerability
        + (one.Package is null ? "" : $" ({one.Package})") + (one.IsMandatory ? "" : ", not for mandatory policies");

    public virtual string PolicyMoment(string moment) => moment switch
    {
        "push" => "when it is pushed",
        "promotion" => "when it gets a tag, or is copied to another repository",
        _ => "when it is pulled",
    };

    public virtual string MaxSeverity(string worst) =>
        worst == "none" ? "only harmless ones" : $"none worse than {worst}";

    public virtual string PolicyFor(string names) => $"Policy for {names}";

    public virtual string PolicyEffect(PolicyView one) =>
        $"{(one.OnlyWarns ? "Warn" : "Refuse")} on {string.Join(", ", one.On)}"
        + (one.IsMandatory ? " (mandatory)" : "");

    public virtual string PolicyText(PolicyView one)
    {
        var said = new List<string>();
        if (VulnerabilitiesText(one) is { } found) said.Add(found);
        if (one.SignedBy.Count > 0) said.Add($"be signed by {string.Join(" or ", one.SignedBy)}");
        else if (one.IsSigned) said.Add("be signed");
        if (one.HasSbom) said.Add("have a bill of materials");
        if (one.HasProvenance) said.Add("have its provenance");
        if (one.Labels.Count > 0) said.Add($"have labels ({string.Join(", ", one.Labels)})");
        if (one.MaxAgeSeconds is { } age) said.Add($"be at most {FormInput.DurationOf(age)} old");
        if (one.BaseImages.Count > 0) said.Add($"be built on {string.Join(" or ", one.BaseImages)}");
        if (one.AllowedLicenses.Count > 0)
        {
            said.Add($"have packages under {string.Join(", ", one.AllowedLicenses)} alone"
                + (one.AllowsUnknownLicenses ? ", or licences that are not known" : ""));
        }

        if (one.DeniedLicenses.Count > 0)
            said.Add($"have no package under {string.Join(", ", one.DeniedLicenses)}");
        if (one.ScanGraceSeconds is { } grace)
            said.Add($"be scanned{(grace > 0 ? $" within {FormInput.DurationOf(grace)}" : "")}");
        if (one.AllowsUnscanned) said.Add("if it can be scanned");
        if (one.Exempt.Count > 0) said.Add($"except for {string.Join(", ", one.Exempt)}");
        return string.Join("; ", said);
    }

    private static string? VulnerabilitiesText(PolicyView one)
    {
        var kinds = new List<string>();
        if (one.MaxSeverity is { } worst) kinds.Add(worst == "none" ? "that does harm" : $"above {worst}");
        if (one.RefusesExploited) kinds.Add("that is exploited");
        if (kinds.Count == 0) return null;
        var fix = one.FixGraceSeconds is { } grace ? $" with a fix older than {FormInput.DurationOf(grace)}"
            : one.OnlyFixable ? " with a fix" : "";
        var comma = kinds.Count > 1 && fix.Length > 0 ? "," : "";
        return $"have no vulnerability {string.Join(" or ", kinds)}{comma}{fix}";
    }

    public virtual string PolicyPlanText(PolicyPlan plan) => string.Create(
        CultureInfo.InvariantCulture,
        $"{plan.Refused:N0} of {plan.Judged:N0} images would be refused{(plan.Next is null ? "" : " so far")}.");

    public virtual string AudienceText(PolicyAudienceView one) =>
        string.Join(", ", (one.IsPublic ? ["anybody"] : Array.Empty<string>()).Concat(one.Names ?? []));

    public virtual string RefusedHere(bool isRefused) => isRefused
        ? "Policies refuse pulls of this image" : "Policies warn about this image";

    public virtual Warning RemovePolicy(PolicyView one) => new(
        $"Remove the policy for {one.Names}?", "Remove it", "Images that it refuses can be pulled again.");

    public virtual Warning RemoveWaiver(WaiverView one) => new(
        $"Stop waiving {one.Vulnerability} in {one.Names}?", "Remove it",
        "Policies refuse images with it again.");
}
