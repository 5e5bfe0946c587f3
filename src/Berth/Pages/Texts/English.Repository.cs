using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of repositories and images.</summary>
internal partial class English
{
    public virtual string Repositories => "Repositories";
    public virtual string Where => "Where you are";
    public virtual string Public => "Public";
    public virtual string Private => "Private";
    public virtual string Tags => "Tags";
    public virtual string Tag => "Tag";
    public virtual string Digest => "Digest";
    public virtual string Platforms => "Platforms";
    public virtual string Platform => "Platform";
    public virtual string SizeColumn => "Size";
    public virtual string SizeMeans => "Compressed, of all platforms together";
    public virtual string Pushed => "Pushed";
    public virtual string Pulled => "Pulled";
    public virtual string Never => "never";
    public virtual string NotReadYet => "not read yet";
    public virtual string NoTags => "No tags yet";
    public virtual string NoTagsText => "Nothing here has a name. Push an image to it:";
    public virtual string RepositorySettings => "Settings";
    public virtual string TagFilter => "Part of a tag";
    public virtual string TagFilterHelp => "Letters, digits, dots, dashes and underscores";
    public virtual string Filter => "Filter";
    public virtual string AllTags => "All tags";
    public virtual string RowForImage => "One row for each image";
    public virtual string RowForTag => "One row for each tag";
    public virtual string Select => "Select";
    public virtual string Pinned => "pinned";
    public virtual string Expires => "expires";
    public virtual string Immutable => "immutable";
    public virtual string Change => "Change";
    public virtual string DeleteSelected => "Delete the selected";
    public virtual string CompareSelected => "Compare two";
    public virtual string Pull => "Pull";
    public virtual string Layers => "Layers";
    public virtual string Instruction => "Made by";
    public virtual string Configuration => "Configuration";
    public virtual string AlsoTagged => "Tags of this image";
    public virtual string Annotations => "Annotations";
    public virtual string Built => "Built";
    public virtual string User => "User";
    public virtual string EntryPoint => "Entry point";
    public virtual string CommandLine => "Command";
    public virtual string WorkingDirectory => "Working directory";
    public virtual string Ports => "Ports";
    public virtual string Volumes => "Volumes";
    public virtual string Environment => "Environment";
    public virtual string NothingToSee => "There is no repository that you may see.";

    public virtual string NothingIn(string space) => $"There is no repository in {space} that you may see.";

    public virtual string LastPush => "Last push";
    public virtual string PullsInAll => "Pulls";
    public virtual string StarsInAll => "Stars";
    public virtual string Keeps => "Keeps, compressed";
    public virtual string Since => "Made";
    public virtual string Star => "Star";
    public virtual string Unstar => "Remove the star";
    public virtual string AsTable => "As a table";
    public virtual string Day => "Day (UTC)";
    public virtual string Pulls => "Pulls";
    public virtual string Readme => "About";

    public virtual string SourceCode => "Source";
    public virtual string Website => "Website";
    public virtual string Documentation => "Documentation";
    public virtual string Revision => "Revision";
    public virtual string Builder => "Built by";
    public virtual string BuiltRef => "Branch or tag";
    public virtual string BuiltWith => "Built with";
    public virtual string BuildRun => "Run";
    public virtual string BuiltAt => "Built";
    public virtual string Materials => "Materials";

    public virtual string ShowMaterials(int count) => $"Show {count}";

    // Who may do what
    public virtual string WhoMay => "Who may do what";
    public virtual string AllWhoMay => "Show all, and why";
    public virtual string AccessSettings => "Access settings";
    public virtual string EveryoneMayPull => "Everyone may pull: it is public.";
    public virtual string NobodyMay => "Nobody has been given access.";
    public virtual string WhoMayText =>
        "Members, and grants to users, teams and robots. Administrators and rules in the settings are not listed.";

    public virtual string AccountKind(string kind) => kind switch
    {
        "user" => "User",
        "robot" => "Robot",
        _ => "Team",
    };

    public virtual string SelectAll => "Select all on this page";

    public virtual string TagsInAll(TagCount count) =>
        !count.HasMore ? Whole(count.Tags) : count.Tags == 0 ? "" : $"{Whole(count.Tags)} or more";

    public virtual string SelectTag(string tag) => $"Select {tag}";

    public virtual string ChangeThisTag => "Change the tag";

    public virtual string ChangeTag(string tag) => $"Change {tag}";

    public virtual string WithAttached => "Show tags of signatures and attestations";

    public virtual string WithoutAttached => "Hide tags of signatures and attestations";

    public virtual string ImmutableBy(string rule) => $"By the rule {rule}";

    public virtual string NoTagMatches(string part) => part.Length > 0
        ? $"No tag has {part} in its name." : "There are no more tags.";

    public virtual string NoTagMatchesHere(string part) =>
        $"No tag of those looked at so far has {part} in its name. Look at the next ones below.";

    public virtual string PullsUnit(long count) => count == 1 ? "pull" : "pulls";

    public virtual string PullsByDay(int days) => $"Pulls in {days} days";

    public virtual string PullsSummary(long sum, long most) =>
        $"{Whole(sum)} pulls in all, at most {Whole(most)} a day";

    /// <summary>Those who are not signed in are told no names.</summary>
    public virtual string By(string? name) => name is null ? "" : $"by {name}";

    public virtual string Compressed(int platforms) =>
        platforms > 1 ? "compressed, of all platforms" : "compressed";

    public virtual string LayersText(int count) =>
        count == 1 ? "1 layer, compressed" : $"{Whole(count)} layers, from the lowest, compressed";
}
