namespace Berth.Pages;

/// <summary>Lists of repositories.</summary>
internal partial class English
{
    public virtual string SortBy => "Sort by";
    public virtual string ByName => "Name";
    public virtual string ByPush => "Last push";
    public virtual string ByPulls => "Pulls";
    public virtual string ByStars => "Stars";
    public virtual string Type => "Type";
    public virtual string TypeImage => "Images";
    public virtual string TypeChart => "Charts";
    public virtual string TypeOther => "Other";
    public virtual string Official => "Official";
    public virtual string OfficialMeans => "Administrators of this registry vouch for it";
    public virtual string OnlyStarred => "Starred";
    public virtual string Label => "Label";
    public virtual string LabelHelp => "A label or annotation of an image, as NAME=VALUE";
    public virtual string LabelExample => "team=web";
    public virtual string Filters => "Sort and filter";
    public virtual string ClearFilters => "Show all";
    public virtual string NothingFits => "No repository that you may see fits these filters.";
    public virtual string Namespace => "Namespace";
    public virtual string AllNamespaces => "All namespaces";
    public virtual string OtherNamespace => "Another namespace";
    public virtual string Open => "Open";

    /// <summary>Whose a namespace is.</summary>
    public virtual string OwnedBy(string kind) => kind switch
    {
        "user" => "Namespace of a user",
        "organization" => "Namespace of an organization",
        _ => "Namespace without an owner",
    };
}
