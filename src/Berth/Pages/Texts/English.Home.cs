namespace Berth.Pages;

/// <summary>The front page.</summary>
internal partial class English
{
    public virtual string HomeTitle => "What is in this registry";
    public virtual string MyNamespaces => "Your namespaces";
    public virtual string PushHere => "Push an image";
    public virtual string EmptyTitle => "Ready for the first image";
    public virtual string EmptyText => "Nothing has been pushed yet. With one of these, an image of yours gets here:";
    public virtual string WelcomeTitle => "A container registry";
    public virtual string EmptySignIn => "Nothing here is for everyone to see. Sign in to see more, or to push.";
    public virtual string EmptyWaits => "This page notices the first push by itself.";

    public virtual string PlainDocker(string host) =>
        $"This registry has no TLS yet: docker pushes to it once \"insecure-registries\": [\"{host}\"] is in its "
        + "daemon.json.";
}
