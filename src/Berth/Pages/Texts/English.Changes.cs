namespace Berth.Pages;

/// <summary>Pages that change repositories and tags.</summary>
internal partial class English
{
    // A repository
    public virtual string NewRepository => "New repository";
    public virtual string NewRepositoryText => "The first push makes one, too. Create it here to describe it first.";
    public virtual string MakeRepository => "Make the repository";
    public virtual string Visibility => "Visibility";

    public virtual string VisibilityHelp =>
        "Anyone may pull from a public one without signing in, and finds it in searches.";

    public virtual string NewRepositoryNameHelp(string host) =>
        $"Such as acme/app, where acme is your name or an organization: images are {host}/acme/app:TAG.";

    public virtual IReadOnlyList<(string Value, string Text)> NewVisibilities =>
        [("", "As its namespace has it"), ("private", Private), ("public", Public)];

    public virtual string WhatItShows => "What it shows";
    public virtual string DescriptionHelp => "One line, for lists and searches.";
    public virtual string ReadmeHelp => "Markdown, at most 64 KiB. Shown below the tags.";
    public virtual string IsPublic => "Public";
    public virtual string IsPublicHelp => "Anyone may pull from it without signing in, and finds it in searches.";
    public virtual string MoveRepository => "Rename";
    public virtual string NewName => "New name";

    public virtual string MoveHelp =>
        "With another namespace in it, the repository moves there. Pulls by the old name still work.";

    public virtual string WhatStays => "What stays and what goes";

    public virtual string WhatStaysText(string space) => $"In all of {space}, this repository too:";

    public virtual string DeleteRepository => "Delete the repository";
    public virtual string ToTrash => "It goes into the trash, from where it can be brought back while it is there.";

    public virtual string AskRepositoryRemoval(string name) => $"Delete {name}?";

    public virtual string RepositoryRemoval(long images) =>
        images == 1 ? "1 manifest goes, with all tags." : $"{Whole(images)} manifests go, with all tags.";

    public virtual string WouldFree(long bytes) => bytes == 0
        ? "That frees no space: others need all of its layers too."
        : $"Once the trash is empty, {Size(bytes)} are free ({Bytes(bytes)}): layers that nothing else needs.";

    // Tags
    public virtual string AddTag => "Add another tag";
    public virtual string NewTag => "New tag";
    public virtual string AddTagHelp => "It points to the same image.";
    public virtual string PointElsewhere => "Point it to another image";
    public virtual string NewTarget => "Tag or digest";
    public virtual string TargetHelp => "Of this repository. What the tag points to now stays in its history.";
    public virtual string MoveTag => "Move the tag";
    public virtual string HowLong => "How long it stays";
    public virtual string ExpiresOn => "Last day (UTC)";
    public virtual string ExpiresHelp => "It goes into the trash when that day is over. Empty: never.";
    public virtual string Pin => "Pinned";
    public virtual string PinHelp => "No rule and no expiry removes it.";

    public virtual string ImmutableTag(string rule) =>
        $"{Sentence(rule)[..^1]} makes this tag immutable: it can't be moved, expire or be deleted.";

    public virtual string AskTagRemoval(string repository, int tags) => tags == 1
        ? $"Delete a tag of {repository}?" : $"Delete {Whole(tags)} tags of {repository}?";

    public virtual string TagsThatGo(IReadOnlyList<string> tags) =>
        (tags.Count == 1 ? "The tag goes: " : "The tags go: ") + string.Join(", ", tags) + ".";

    public virtual string TagStays(string tag, string rule) => $"{tag} stays: the rule {rule} makes it immutable.";

    public virtual string PointsElsewhere(string tag) =>
        $"{tag} points to another image than when you were asked: look at it, and delete it again";

    public virtual string TagRemoval(long images) => images switch
    {
        0 => "The images stay: other tags or indexes hold them.",
        1 => "Nothing else holds 1 manifest, which goes after the time for untagged images.",
        _ => $"Nothing else holds {Whole(images)} manifests, which go after the time for untagged images.",
    };

    public virtual string DeleteTags(int tags) => tags == 1 ? "Delete the tag" : $"Delete {Whole(tags)} tags";

    public virtual string SomeDeleted(int deleted, int left, string why) => deleted == 0
        ? why : $"{Whole(deleted)} are deleted; {Whole(left)} are not: {why}";
}
