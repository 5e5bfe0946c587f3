using Berth.Access;
using Berth.Audit;

namespace Berth.Distribution;

/// <summary>Notes in the audit log what a request to <c>/v2/</c> changed, or was not allowed to.</summary>
internal sealed class AuditTrail(AuditLog audit)
{
    /// <param name="http">The request, which was answered or is about to be.</param>
    /// <param name="action">What its route does.</param>
    /// <param name="target">What its path names.</param>
    /// <param name="error">The error that it gets, if any.</param>
    public void Note(HttpContext http, AccessAction action, V2Target target, RegistryError? error)
    {
        if (NameOf(http, action, target, error) is not { } name) return;
        audit.Note(http, name, isDone: error is null, entry => entry with
        {
            Repository = target.HasRepository ? target.Repository.Text : null,
            Target = TargetOf(target),
            Digest = http.Response.Headers["Docker-Content-Digest"] is [{ } digest, ..] ? digest : null,
            Detail = error?.Message,
        });
    }

    /// <summary>
    /// A push is one of a manifest; the blobs before it are part of it. What asks for credentials is no refusal, nor is
    /// what takes its place where there are no users: anybody could fill the log. Wrong credentials are noted where
    /// they are checked.
    /// </summary>
    private string? NameOf(HttpContext http, AccessAction action, V2Target target, RegistryError? error)
    {
        if (error is not null and not { Status: StatusCodes.Status403Forbidden }) return null;
        var caller = http.Features.Get<Caller>() ?? Caller.Anonymous;
        if (error is not null && caller.Kind == CallerKind.Anonymous) return null;
        return (action, target.Kind) switch
        {
            (AccessAction.Push, V2Kind.Manifest) => "push",
            (AccessAction.Push, _) when error is not null => "push",
            (AccessAction.Push, V2Kind.Uploads)
                when http.Response.StatusCode == StatusCodes.Status201Created && http.Request.Query.ContainsKey("mount")
                => "mount",
            (AccessAction.Delete, V2Kind.Manifest or V2Kind.Blob) => "delete",
            (AccessAction.Pull, V2Kind.Manifest) when audit.TakesPulls => "pull",
            _ => null,
        };
    }

    private static string? TargetOf(V2Target target) => target.Kind switch
    {
        V2Kind.Manifest => target.Reference.ToString(),
        V2Kind.Blob => target.Digest.Text,
        _ => null,
    };
}
