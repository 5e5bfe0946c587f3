namespace Berth.Api;

/// <content>What images must be like, and what policies pass over.</content>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfPolicies = Both(
        new(StringComparer.Ordinal)
        {
            ["names"] = "A pattern of repositories: acme/app, acme/*, or acme/** for all below.",
            ["isMandatory"] = "Whether only administrators change it, and only their waivers and the registry's trust "
                + "satisfy it. By default, if an administrator makes it.",
            ["onlyWarns"] = "Whether nothing is refused: what it is about is told in a Warning header.",
            ["on"] = "When it counts: pull, push, promotion. By default on pull and promotion.",
            ["exempt"] = "Accounts that it is not about: signers, scanners, robots.",
            ["maxSeverity"] = "The worst severity that a vulnerability may have: none, low, medium or high.",
            ["refusesExploited"] = "Whether a vulnerability that is known to be exploited is too much, whatever its "
                + "severity.",
            ["onlyFixable"] = "Whether only vulnerabilities with a fix count.",
            ["fixGraceSeconds"] = "How long there must have been a fix for a vulnerability to count.",
            ["scanGraceSeconds"] = "How long after its push an image is let through that was not looked into yet. By "
                + "default a day.",
            ["allowsUnscanned"] = "Whether images are let through whose vulnerabilities or licences can't be found "
                + "out.",
            ["isSigned"] = "Whether somebody who is trusted must have signed it.",
            ["signedBy"] = "Keys, identities or policies of trust, one of which must have verified a signature: as "
                + "trustedBy or signer of /images/{reference}/signatures has them.",
            ["hasSbom"] = "Whether it must come with a bill of materials.",
            ["hasProvenance"] = "Whether it must come with its provenance.",
            ["labels"] = "Labels or annotations that it must have: a name, or name=value.",
            ["maxAgeSeconds"] = "How old it may be, from its build.",
            ["baseImages"] = "Patterns of base images, one of which it must name as its own, such as "
                + "docker.io/library/debian:*.",
            ["allowedLicenses"] = "Licences that its packages may be under, as SPDX names them, or patterns such as "
                + "BSD-*: of an expression with OR, one has to be allowed, with AND, each.",
            ["deniedLicenses"] = "Licences that its packages may not be under, as SPDX names them, or patterns such as "
                + "GPL-*.",
            ["allowsUnknownLicenses"] = "With allowedLicenses, whether packages are allowed whose licence is not "
                + "known, or none that SPDX has a name for.",
        },
        new(StringComparer.Ordinal)
        {
            ["?on"] = "When: pull, push or promotion. Default: pull.",
            ["PolicyPlan.judged"] = "How many images were looked at.",
            ["PolicyPlan.refused"] = "How many of these the policy is against.",
            ["PolicyPlan.items"] = "These images: 1,000 at most.",
            ["PolicyPlan.audience"] = "Who may pull from their repositories, and would be refused.",
            ["PolicyPlan.next"] = "Where to go on, as last of the next request; absent: these are all.",
            ["PlannedRefusalView.tags"] = "Ten of its tags, also those of indexes that list it.",
            ["PlannedRefusalView.pulledAt"] = "When it was last pulled; absent: never.",
            ["PlannedRefusalView.reasons"] = "What it lacks, each with what to do.",
            ["PolicyAudienceView.isPublic"] = "Whether that is anybody.",
            ["PolicyAudienceView.names"] = "Users, robots and teams with rights to it: 100 at most. Absent: the caller "
                + "may not know.",
            ["ImagePoliciesView.digest"] = "The image; of an index, the one for the platform.",
            ["ImagePoliciesView.on"] = "When: pull, push or promotion.",
            ["ImagePoliciesView.policies"] = "How many policies are about it then.",
            ["ImagePoliciesView.isRefused"] = "Whether it is refused to all but those who are exempt.",
            ["ImagePoliciesView.items"] = "What the policies have against it: those that refuse it first.",
            ["ObjectionView.policy"] = "The number of the policy.",
            ["ObjectionView.names"] = "The repositories that it is about.",
            ["ObjectionView.onlyWarns"] = "Whether it only warns.",
            ["ObjectionView.reasons"] = "What the image lacks, each with what to do.",
            ["PolicyView.notices"] =
                "After it was written, what about it may be a mistake: names in it that nobody has.",
            ["WaiverView.notices"] =
                "After it was made, what about it may be a mistake: policies that it does not count for, or that no "
                + "image is known to have what it waives.",
            ["WaiverView.names"] = "A pattern of repositories.",
            ["NewWaiver.names"] = "A pattern of repositories: acme/app, acme/*, or acme/** for all below.",
            ["WaiverView.vulnerability"] = "Its name, in any database.",
            ["NewWaiver.vulnerability"] = "Its name, in any database, such as CVE-2024-3094 or GHSA-….",
            ["WaiverView.package"] = "In this package alone; absent: in any.",
            ["NewWaiver.package"] = "In this package alone, as it or its source is called.",
            ["WaiverView.reason"] = "Why.",
            ["NewWaiver.reason"] = "Why, in a line of at most 1,000 characters.",
            ["WaiverView.until"] = "Until when; absent: for good.",
            ["NewWaiver.until"] = "Until when; absent: for good.",
            ["WaiverView.isMandatory"] = "Whether it counts for mandatory policies, since an administrator made it.",
        });

    /// <summary>What is the same of a policy and of one to be made, and the rest.</summary>
    private static Dictionary<string, string> Both(Dictionary<string, string> both, Dictionary<string, string> rest)
    {
        foreach (var (field, text) in both)
        {
            rest[$"PolicyView.{field}"] = text;
            rest[$"NewPolicy.{field}"] = text;
        }

        return rest;
    }
}
