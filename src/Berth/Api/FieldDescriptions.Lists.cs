namespace Berth.Api;

/// <content>What is where, and what happened lately.</content>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfLists = new(StringComparer.Ordinal)
    {
        ["ActivityView.action"] = "push, move, copy, restore, or why it was deleted.",
        ["ActivityView.digest"] = "Where it went; absent: it was deleted.",
        ["ActivityView.id"] = "Its number: later ones have higher ones.",
        ["ActivityView.movedAt"] = "When.",
        ["ActivityView.repository"] = "The repository.",
        ["ActivityView.tag"] = "The tag.",
        ["NamespaceView.fullName"] = "The display name of its owner; absent: none.",
        ["NamespaceView.hasMore"] = "Whether there are more repositories: 1,000 are counted.",
        ["NamespaceView.kind"] = "Whose it is: user, organization, or none.",
        ["NamespaceView.maxBytes"] = "Its quota, for its owners and staff; absent: none.",
        ["NamespaceView.name"] = "Its name.",
        ["NamespaceView.repositories"] = "Its repositories that the caller may pull from, 1,000 at most.",
        ["NamespaceView.usedBytes"] = "What it keeps, in bytes, for its owners and staff.",
        ["Problem.code"] = "A word for programs that can go on from there, such as tags-moved; absent: there is none.",
        ["RepositoryView.artifactType"] = "What the newest tag points to; of an image, the type of its config.",
        ["RepositoryView.newestTag"] = "The tag that was pushed or moved last; absent: there is none.",
        ["RepositoryView.platforms"] = "The platforms of the newest tag, such as linux/amd64.",
        ["isOfficial"] = "Whether administrators vouch for it. Only they may change it.",
        ["AccessHolderView.kind"] = "user, robot or team.",
        ["AccessHolderView.name"] = "Whose: of a team organization/team.",
        ["AccessHolderView.role"] = "The role with exactly these actions; absent: there is none.",
        ["AccessHolderView.through"] = "Because of what: a membership, or a grant.",
        ["RepositoryView.source"] = "Where the newest image comes from, as it says itself; absent: it does not say.",
        ["SourceView.source"] = "Where its source is (org.opencontainers.image.source).",
        ["SourceView.url"] = "Where to read more (org.opencontainers.image.url).",
        ["SourceView.documentation"] = "Its documentation (org.opencontainers.image.documentation).",
        ["SourceView.revision"] = "The revision of the source (org.opencontainers.image.revision).",
        ["?label"] = "Only where an image has this label or annotation: NAME=VALUE, in capitals or not.",
        ["?official"] = "true: only official ones.",
        ["?platform"] = "Only where the newest tag is for this platform, such as linux/arm64.",
        ["?attached"] = "false: without the tags that attach something to an image, such as cosign's signatures.",
        ["?matching"] =
            "Only tags with this in their names, in capitals or not. A page looks at 20,000 tags, so it may have fewer "
            + "than there are, or none; the Link header leads on.",
        ["?pointsTo"] = "Only tags that point to this digest.",
        ["?sort"] = "Of repositories: name, pushed, pulls or stars, the latest or most first. Of tags: name, pushed, "
            + "pulled or size, with - before it for the largest first; more than 5,000 only by name or pushed.",
        ["?starred"] = "true: only those that the caller has starred.",
        ["?type"] = "Only where the newest tag is an image, a chart, other, or of this artifact type.",
        ["?visibility"] = "public or private.",
        ["?changes"] = "true: only what changed something or was denied: no reads, pulls and sign-ins.",
        ["SessionView.isThis"] = "Whether the request comes from this browser.",
        ["UserView.organizations"] = "Of which they are members; absent in a list.",
        ["RetentionEstimate.going"] = "The first 200 of what would go, by repository.",
        ["RetentionEstimate.more"] = "How many of those that would go are left out; absent if none is.",
        ["RetentionEstimate.version"] = "Changes with what would go.",
    };
}
