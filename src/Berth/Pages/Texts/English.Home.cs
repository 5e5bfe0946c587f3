using Berth.Api;

namespace Berth.Pages;

/// <summary>The front page.</summary>
internal partial class English
{
    public virtual string HomeTitle(string? user) => user is null ? "What is in this registry" : "Your registry";
    public virtual string LatestPushes => "Latest pushes";
    public virtual string Lately => "What happened lately";
    public virtual string Starred => "Starred";
    public virtual string MoreStarred => "All starred";
    public virtual string NoStars => "Repositories that you star are listed here.";
    public virtual string Storage => "Storage";
    public virtual string MoreStorage => "Storage by namespace";
    public virtual string ByLatest => "All repositories by their last push";

    public virtual string HasRepositories(long count, bool hasMore) =>
        (hasMore ? $"more than {Whole(count)}" : Whole(count)) + (count == 1 ? " repository" : " repositories");

    public virtual string UsedOf(long used, long? most) =>
        most is { } limit ? $"{Size(used)} of {Size(limit)}" : Size(used);

    public virtual string StoredIn(string space) => $"What {space} keeps of its quota";

    /// <summary>Who did what; those who are not signed in are told what alone.</summary>
    public virtual string DidToTag(ActivityView one)
    {
        var did = one.Digest is null ? "deleted" : one.Action switch
        {
            "push" => "pushed",
            "copy" => "copied",
            "restore" => "restored",
            _ => "moved",
        };
        return one.MovedBy is { } name ? $"{name} {did}" : char.ToUpperInvariant(did[0]) + did[1..];
    }

    public virtual string MyNamespaces => "Your namespaces";
    public virtual string PushHere => "Push an image";
    public virtual string EmptyTitle => "Ready for the first image";
    public virtual string EmptyText => "Nothing has been pushed yet. With one of these, an image of yours gets here:";
    public virtual string WelcomeTitle => "A container registry";
    public virtual string EmptySignIn => "No repository here is public. Sign in to see more, or to push.";
    public virtual string EmptyWaits => "This page notices the first push by itself.";

    public virtual string PlainDocker(string host) =>
        $"This registry has no TLS yet: docker pushes to it once \"insecure-registries\": [\"{host}\"] is in its "
        + "daemon.json.";
}
