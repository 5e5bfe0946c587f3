using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of settings about what stays and what goes.</summary>
internal partial class English
{
    // Garbage and trash
    public virtual string Garbage => "Garbage collection";
    public virtual string GarbageText =>
        "Blobs that nothing needs any more are removed by themselves after a while. A collection now does it at once.";

    public virtual string WouldRemove => "A collection now would remove";
    public virtual string Grace => "Only what nothing has needed for";
    public virtual string GraceHelp => "A time such as 30m, 12h or 7d; empty: as the settings say.";
    public virtual string WithTrash => "Empty the trash, too";
    public virtual string WithTrashHelp => "What is in it can't be brought back then.";
    public virtual string CollectNow => "Collect garbage now";
    public virtual string NoCollections => "Nobody has asked for a collection yet.";
    public virtual string CollectionsText => "Collections that were asked for, the latest first";
    public virtual string BlobsRemoved => "Blobs removed";
    public virtual string Freed => "Freed";
    public virtual string Trash => "Trash";
    public virtual string EmptyTrash => "Empty the trash";
    public virtual string TrashIsEmpty => "The trash is empty.";
    public virtual string TrashEntries => "In the trash";
    public virtual string Deleted => "Deleted";
    public virtual string GoesForGood => "Goes for good";
    public virtual string Restore => "Restore";

    public virtual string RestoreTheRest => "Restore all but these tags";

    public virtual string RestoreAndMove => "Restore, and move the tags back";

    public virtual Warning CollectGarbage(Metadata.GarbageReport found, bool emptiesTrash) => new(
        emptiesTrash ? "Collect garbage now, and empty the trash?" : "Collect garbage now?",
        emptiesTrash ? "Empty the trash and collect" : CollectNow,
        [
            .. emptiesTrash
                ? ["All that was deleted in the registry goes for good. Nobody can bring it back."]
                : Array.Empty<string>(),
            $"It removes {Blobs(found.Blobs)} and frees {Size(found.Bytes)} ({Bytes(found.Bytes)}), as far as is known "
                + "now.",
        ]);

    public virtual string LinksAndManifests(long links, long manifests) =>
        $"after {Whole(links)} blobs of repositories and {Whole(manifests)} manifests";

    public virtual string TrashText(string space) => space.Length == 0
        ? "What was deleted in the registry, until it goes for good."
        : $"What was deleted in {space}, until it goes for good.";

    /// <param name="bytes">How many.</param>
    /// <param name="isCounted">Whether they were counted just now; else the collector has found them so far.</param>
    public virtual string Frees(long bytes, bool isCounted) => isCounted
        ? $"Emptying it frees {Size(bytes)} ({Bytes(bytes)})."
        : $"Emptying it frees at least {Size(bytes)} ({Bytes(bytes)}): so much the collector has found so far.";

    public virtual string EmptyTrashOf(string space) =>
        space.Length == 0 ? "Empty the trash of the registry?" : $"Empty the trash of {space}?";

    public virtual string EmptyingText(string space) =>
        $"All that was deleted in {(space.Length == 0 ? "the registry" : space)} goes for good. "
        + "Nobody can bring it back.";

    // Quotas
    public virtual string Quotas => "Quotas";
    public virtual string QuotasText => "How much namespaces and repositories may keep. Pushes beyond it are refused.";
    public virtual string NoQuotas => "There is no quota.";
    public virtual string QuotaList => "Quotas, and what is used of them";
    public virtual string Scope => "Namespace or repository";
    public virtual string ScopeHelp => "Such as acme, or acme/app.";
    public virtual string Used => "Used";
    public virtual string Most => "Of";
    public virtual string AnySize => "any";
    public virtual string NearlyFull => "Nearly full";
    public virtual string SetQuota => "Set a quota";

    public virtual string ChangeQuota(string scope) => $"Change the quota of {scope}";

    public virtual string MostBytes => "Largest size";
    public virtual string MostBytesHelp => "Such as 500MB or 10GB; empty: any.";
    public virtual string MostTags => "Most tags";
    public virtual string MostTagsHelp => "A number; empty: any.";
    public virtual string RemoveQuota => "Remove the quota";

    public virtual string TagsOf(long tags, long? most) =>
        most is { } limit ? $"{Whole(tags)} of {Whole(limit)}" : Whole(tags);

    public virtual string RemoveQuotaOf(string scope) => $"Remove the quota of {scope}?";

    public virtual string RemoveQuotaText(long used, long? most) => most is { } limit
        ? $"It keeps {Size(used)} of {Size(limit)}. Without a quota of its own, the settings decide."
        : $"It keeps {Size(used)}. Without a quota of its own, the settings decide.";

    // Rules
    public virtual string Rules => "Rules on tags";
    public virtual string RulesText =>
        "Rules say which tags stay, go, or never move. Where no rule keeps tags, all of them stay.";

    public virtual string NoRules => "There is no rule.";
    public virtual string RuleList => "Rules";
    public virtual string Effect => "What they do";
    public virtual string Made => "Made";
    public virtual string NewRule => "New rule";
    public virtual string RuleNamesHelp => "A pattern: acme/app, acme/* or acme/** for all below.";
    public virtual string RuleTagsHelp =>
        "Patterns such as pr-*, with commas or on lines; /^v[0-9]+$/ on a line of its own. Empty: all.";
    public virtual string ExceptTags => "Except tags";
    public virtual string NeverMoves => "These tags never move, and are never deleted";
    public virtual string ImmutableHelp => "Pushes that would move them are refused.";
    public virtual string KeepAlways => "All of them stay, whatever other rules say";
    public virtual string KeepLast => "Keep the last pushed";
    public virtual string KeepLastHelp => "How many images; the others go, unless something else keeps them.";
    public virtual string KeepLastPulled => "Keep the last pulled";
    public virtual string KeepFor => "Keep after use";
    public virtual string KeepForHelp => "How long after a push or a pull: 30d.";
    public virtual string KeepVersions => "Keep versions";
    public virtual string KeepVersionsHelp => "A range as npm writes it: >=1.2 <2.";
    public virtual string UntaggedFor => "Remove untagged images after";
    public virtual string UntaggedForHelp => "How long one stays that no tag and no index holds: 14d.";
    public virtual string GroupBy => "For each group";
    public virtual string GroupByHelp =>
        "What is kept is counted for each group of tags: by what the parentheses of a pattern match, as in /^(.*)-/.";
    public virtual string OrphanedFor => "Remove orphaned signatures after";
    public virtual string OrphanedForHelp =>
        "How long tags such as sha256-….sig stay whose image is nowhere in the registry: 90d.";

    public virtual string RuleFor(string names) => $"Rule for {names}";

    public virtual string SoManyTags(long count) => count == 1 ? "1 tag" : $"{Whole(count)} tags";

    public virtual string SoManyManifests(long count) => count == 1 ? "1 manifest" : $"{Whole(count)} manifests";

    public virtual string SoManyRepositories(long count) =>
        count == 1 ? "1 repository" : $"{Whole(count)} repositories";

    public virtual string MatchesText(TagRuleView rule) =>
        rule is not { MatchedRepositories: { } many, MatchedTags: { } tags } ? ""
        : $"It matches {SoManyRepositories(many)} and {SoManyTags(tags)}"
            + (rule.MatchesMore == true ? ", or more." : ".");

    public virtual string PreviewRule => "Show what it would remove";
    public virtual string AddRule => "Add the rule";
    public virtual string PlanTitle => "What this rule would do";
    public virtual string WouldGo => "What would go, and why";
    public virtual string RemoveRule => "Remove the rule";
    public virtual string RemoveRuleText => "Tags that it made immutable may move again, and what it kept may go.";

    public virtual string RemoveRuleOf(string names) => $"Remove the rule for {names}?";

    public virtual string TagsOfRule(IReadOnlyList<string> tags, IReadOnlyList<string> except) =>
        (tags.Count == 0 ? "all" : string.Join(", ", tags))
        + (except.Count == 0 ? "" : $", except {string.Join(", ", except)}");

    public virtual string PlanText(TagRulePlan plan) =>
        $"It matches {Whole(plan.MatchedRepositories)} repositories and {Whole(plan.MatchedTags)} tags. With it, "
        + $"{Whole(plan.Tags)} tags and {Whole(plan.Manifests)} untagged manifests would go."
        + (plan.Going.Count > RulePages.ShownGoing || plan.More > 0
            ? $" The first {RulePages.ShownGoing} are listed." : "");

    /// <summary>What a rule does, in words.</summary>
    public virtual string RuleText(TagRuleView rule)
    {
        var parts = new List<string>();
        if (rule.IsImmutable) parts.Add("never move");
        if (rule.KeepsAlways) parts.Add("always stay");
        if (rule.KeepLastPushed is { } pushed) parts.Add($"keep the last {Whole(pushed)} pushed");
        if (rule.KeepLastPulled is { } pulled) parts.Add($"keep the last {Whole(pulled)} pulled");
        if (rule.KeepForSeconds is { } seconds) parts.Add($"keep {Span(TimeSpan.FromSeconds(seconds))} after use");
        if (rule.KeepVersions is { } versions) parts.Add($"keep versions {versions}");
        if (rule.GroupBy is { } group) parts.Add($"for each group of {group}");
        if (rule.UntaggedSeconds is { } untagged)
            parts.Add($"remove untagged after {Span(TimeSpan.FromSeconds(untagged))}");
        if (rule.OrphanedSeconds is { } orphaned)
            parts.Add($"remove orphaned after {Span(TimeSpan.FromSeconds(orphaned))}");
        return Sentence(string.Join(", ", parts));
    }

    // Retention
    public virtual string Retention => "Retention";
    public virtual string RetentionText => "Runs of the rules on tags. What they remove goes to the trash first.";
    public virtual string RunRules => "Run the rules now";
    public virtual string RunRulesQuestion => "Run the rules on tags now?";
    public virtual string RunRulesHelp => "Lists what would go, and asks first.";
    public virtual string NothingGoes => "A run now would remove nothing.";
    public virtual string Back => "Back";
    public virtual string NoRetentionRuns => "Nobody has asked for a run yet.";
    public virtual string RetentionRuns => "Runs that were asked for, the latest first";
    public virtual string Manifests => "Manifests";

    public virtual string SoManyMore(long more) => $"And {Whole(more)} more.";

    public virtual string EstimateText(RetentionEstimate found) =>
        $"A run now moves {SoManyTags(found.Tags)} and {SoManyManifests(found.Manifests)} to the trash, from where "
        + $"they can be restored. When the trash is emptied, {Size(found.Bytes)} ({Bytes(found.Bytes)}) are freed.";

    // Images in use
    public virtual string Pins => "Images in use";
    public virtual string PinsText =>
        "Lists of the images that clusters run: no rule removes them. A list is posted by:";

    public virtual string NewPins => "New list";
    public virtual string AddPins => "Add the list";
    public virtual string PinListHelp => "Such as the name of a cluster. Others may have a list of that name, too.";
    public virtual string PinImagesHelp => "One a line, each by its digest (acme/app@sha256:…), not by a tag.";
    public virtual string PinsExpireHelp => "The list expires at the end of that day. Empty: never.";
    public virtual string PinsNothing => "The list pins no image.";
    public virtual string ReplacePins => "Change the list";
    public virtual string RemovePins => "Remove the list";

    public virtual string PinsLeftOut(long count) => (count == 1 ? "1 image is" : $"{Whole(count)} images are")
        + " not in the list: you may pin what you may pull from private repositories, or push to public ones";

    public virtual string RemovePinsOf(string list) => $"Remove the list {list}?";

    public virtual string RemovePinsText(long images) =>
        $"{(images == 1 ? "1 image is" : $"{Whole(images)} images are")} pinned by it. Rules may remove what is in no "
        + "other list then, although something may run it.";

    public virtual string NoPins => "No cluster has posted what it runs.";
    public virtual string List => "List";
    public virtual string Images => "Images";
    public virtual string Posted => "Posted";
    public virtual string Until => "Until";
}
