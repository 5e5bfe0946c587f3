using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// The API under <c>/v2/</c>: the routes, the right each requires, and the handlers. The table is its documentation.
/// </summary>
internal sealed class DistributionApi
{
    private readonly SignIn signIn;
    private readonly AccessRules access;
    private readonly OfficialNames official;
    private readonly MovedRepositories moved;
    private readonly RepositoryTable repositories;
    private readonly RepositorySettings creation;
    private readonly Locations locations;
    private readonly StorageSettings storage;
    private readonly PushGate gate;
    private readonly NewNamespaces spaces;
    private readonly RateLimits rates;
    private readonly AuditTrail trail;
    private readonly ILogger<DistributionApi> log;
    private readonly Route[] routes;

    public DistributionApi(
        BlobEndpoints blobs, UploadEndpoints uploads, ManifestEndpoints manifests, ListEndpoints lists,
        ExtensionEndpoints extensions, SignIn signIn, AccessRules access, OfficialNames official,
        MovedRepositories moved, RepositoryTable repositories, Locations locations, StorageSettings storage,
        RepositorySettings creation, PushGate gate, NewNamespaces spaces, RateLimits rates, AuditTrail trail,
        ILogger<DistributionApi> log)
    {
        (this.signIn, this.access, this.official, this.locations) = (signIn, access, official, locations);
        (this.repositories, this.storage, this.creation) = (repositories, storage, creation);
        this.moved = moved;
        (this.gate, this.spaces, this.rates, this.trail, this.log) = (gate, spaces, rates, trail, log);
        routes =
        [
            new("GET", V2Kind.Version, AccessAction.SignIn, AnswerVersionAsync),
            new("HEAD", V2Kind.Version, AccessAction.SignIn, AnswerVersionAsync),
            new("GET", V2Kind.Catalog, AccessAction.Catalog, lists.CatalogAsync),
            new("GET", V2Kind.Extensions, AccessAction.SignIn, extensions.DiscoverAsync),

            new("GET", V2Kind.Manifest, AccessAction.Pull, manifests.GetAsync),
            new("HEAD", V2Kind.Manifest, AccessAction.Pull, manifests.HeadAsync),
            new("PUT", V2Kind.Manifest, AccessAction.Push, manifests.PutAsync),
            new("DELETE", V2Kind.Manifest, AccessAction.Delete, manifests.DeleteAsync),
            new("GET", V2Kind.Tags, AccessAction.Pull, lists.TagsAsync),
            new("GET", V2Kind.Referrers, AccessAction.Pull, lists.ReferrersAsync),
            new("GET", V2Kind.RepositoryExtensions, AccessAction.Pull, extensions.DiscoverInAsync),
            new("GET", V2Kind.TagDetails, AccessAction.Pull, extensions.TagsAsync),

            new("GET", V2Kind.Blob, AccessAction.Pull, blobs.GetAsync),
            new("HEAD", V2Kind.Blob, AccessAction.Pull, blobs.HeadAsync),
            new("DELETE", V2Kind.Blob, AccessAction.Delete, blobs.DeleteAsync),

            new("POST", V2Kind.Uploads, AccessAction.Push, uploads.StartAsync),
            new("GET", V2Kind.Upload, AccessAction.Push, uploads.StatusAsync),
            new("HEAD", V2Kind.Upload, AccessAction.Push, uploads.StatusAsync),
            new("PATCH", V2Kind.Upload, AccessAction.Push, uploads.AppendAsync),
            new("PUT", V2Kind.Upload, AccessAction.Push, uploads.FinishAsync),
            new("DELETE", V2Kind.Upload, AccessAction.Push, uploads.CancelAsync),
        ];
    }

    /// <summary>The methods, paths and rights of the table, which docs/api.md describes.</summary>
    public IEnumerable<(string Method, V2Kind Kind, AccessAction Action)> Table =>
        routes.Select(route => (route.Method, route.Kind, route.Action));

    /// <summary>Handles requests under <c>/v2/</c>, and passes the rest on.</summary>
    public Task HandleAsync(HttpContext http, RequestDelegate next)
    {
        var isSound = SentPath.TryRead(http, out var path);
        return V2Path.IsUnder(path) ? AnswerAsync(http, path, isSound) : next(http);
    }

    /// <summary>Finds the route, checks access, calls the endpoint, and writes the error if there is one.</summary>
    private async Task AnswerAsync(HttpContext http, string path, bool isSound)
    {
        http.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        RegistryError? error;
        try
        {
            error = Find(http, path, isSound, out var route, out var target) ?? await AdmitAsync(http, route!, target!);
        }
        catch (Exception e) when (!http.Response.HasStarted && StorageFailure.Of(e) is { } failure)
        {
            error = failure.Report(http.Response, log);
        }

        if (error is not null) await error.WriteAsync(http.Response);
    }

    private RegistryError? Find(
        HttpContext http, string text, bool isSound, out Route? route, out V2Target? target)
    {
        (route, target) = (null, null);
        var path = V2Path.Parse(text);
        if (!isSound) return RegistryError.Malformed(path.Kind, "the path has a % that does not begin an escape");
        var method = http.Request.Method;
        if (V2Target.Check(path, method, out target) is { } error) return error;
        foreach (var candidate in routes)
        {
            if (candidate.Kind == target.Kind && candidate.Method == method) route = candidate;
        }

        return route is null ? RefuseMethod(http, target.Kind) : null;
    }

    private RegistryError RefuseMethod(HttpContext http, V2Kind kind)
    {
        http.Response.Headers.Allow = string.Join(", ", routes.Where(r => r.Kind == kind).Select(r => r.Method));
        return RegistryError.MethodNotAllowed(http.Request.Method);
    }

    /// <summary>
    /// Finds the caller, stores them in the request's features, and lets the endpoint answer if they may do this.
    /// </summary>
    private async Task<RegistryError?> AdmitAsync(HttpContext http, Route route, V2Target target)
    {
        var found = await signIn.FindAsync(http, isOfUpload: target.Kind == V2Kind.Upload);
        RepositoryName? asked = target.HasRepository ? target.Repository : null;
        if (found.Caller is null && !await MayAnybodyAsync(http, route.Action, asked))
        {
            // Requests with wrong credentials count as those without any.
            if (CountRequest(http, Caller.Anonymous, route) is { } rest) return RegistryError.RateExceeded(rest);
            return found.IsBusy
                ? RegistryError.NotChecked(found)
                : Challenge(http, AccessScope.For(route.Action, asked), found.Reason!);
        }

        var caller = found.Caller ?? Caller.Anonymous;
        http.Features.Set(caller);
        if (CountRequest(http, caller, route) is { } wait) return RegistryError.RateExceeded(wait);
        if (asked is { } name && route.Action == AccessAction.Pull)
        {
            var meant = await official.ResolveAsync(caller, name, http.RequestAborted);
            if (meant != name) target = target.In(meant);
        }

        var answer = await AskAsync(http, caller, route.Action, target);
        if (answer != AccessAnswer.Allowed && await FindMovedAsync(http, caller, route, target, asked, false) is { } to)
            (target, answer) = (target.MovedTo(to, asked!.Value), AccessAnswer.Allowed);
        switch (answer)
        {
            case AccessAnswer.SignIn:
                return Challenge(http, AccessScope.For(route.Action, asked), "authentication required");
            case AccessAnswer.Denied:
                var refusal = RefuseAction(caller, route.Action, target);
                trail.Note(http, route.Action, target, refusal);
                return refusal;
            case AccessAnswer.Hidden:
                return RegistryError.NameUnknown(target.Repository);
        }

        // The list of referrers is empty where there is no repository.
        if (target.Kind == V2Kind.Referrers
            && await FindMovedAsync(http, caller, route, target, asked, true) is { } other)
        {
            target = target.MovedTo(other, asked!.Value);
        }

        var error = await RefuseWriteAsync(http, route.Action, target)
            ?? await route.Endpoint(new V2Request(http, target, caller));
        if (error is { Status: StatusCodes.Status404NotFound } && target.Repository == asked
            && await FindMovedAsync(http, caller, route, target, asked, true) is { } now)
        {
            error = await route.Endpoint(new V2Request(http, target.MovedTo(now, target.Repository), caller));
        }

        trail.Note(http, route.Action, target, error);
        return error;
    }

    /// <summary>Where a repository is now that was not found, or not seen, by the name that was asked for.</summary>
    private async ValueTask<RepositoryName?> FindMovedAsync(
        HttpContext http, Caller caller, Route route, V2Target target, RepositoryName? asked, bool isSeen) =>
        route.Action == AccessAction.Pull && asked is { } name
        && await moved.FindAsync(caller, name, isSeen, http.RequestAborted) is { } place
        && !await IsBeforePushAsync(http, caller, route, target, name) ? place : null;

    /// <summary>
    /// Whether a client may be asking what it need not push to an old name: what is said to be there, it leaves out,
    /// and the rest is refused without it. A tag is asked for by pulls too, so it takes a token for pushing.
    /// </summary>
    private async ValueTask<bool> IsBeforePushAsync(
        HttpContext http, Caller caller, Route route, V2Target target, RepositoryName name)
    {
        if (route.Method != "HEAD") return false;
        if (caller.Scopes is { } scopes)
        {
            if (!scopes.Any(scope => scope.Covers(AccessAction.Push, name.Text))) return false;
        }
        else if (target.Kind == V2Kind.Manifest && target.Reference.Tag is not null)
        {
            return false;
        }

        return await access.AskAsync(caller, AccessAction.Push, name, http.RequestAborted) == AccessAnswer.Allowed
            || await spaces.MayMakeAsync(caller, AccessAction.Push, name, http.RequestAborted);
    }

    /// <summary>
    /// Whether anybody may pull this: then wrong credentials do no harm. Clients send what they once kept, and mirrors
    /// send those of their upstream.
    /// </summary>
    private async ValueTask<bool> MayAnybodyAsync(HttpContext http, AccessAction action, RepositoryName? repository) =>
        action == AccessAction.Pull && repository is { } name
        && (await access.AskAsync(
            Caller.Anonymous, action, await official.ResolveAsync(Caller.Anonymous, name, http.RequestAborted),
            http.RequestAborted) == AccessAnswer.Allowed
            || await moved.FindAsync(Caller.Anonymous, name, isSeen: false, http.RequestAborted) is not null);

    /// <summary>Whether a caller may do this; who begins a push, if need be by making the namespace.</summary>
    private async ValueTask<AccessAnswer> AskAsync(
        HttpContext http, Caller caller, AccessAction action, V2Target target)
    {
        RepositoryName? repository = target.HasRepository ? target.Repository : null;
        var answer = await access.AskAsync(caller, action, repository, http.RequestAborted);
        if (answer != AccessAnswer.Denied || repository is not { } name) return answer;
        if (target.Kind is not (V2Kind.Uploads or V2Kind.Manifest)) return answer;
        if (!await spaces.MayMakeAsync(caller, action, name, http.RequestAborted)) return answer;

        // What is refused for another reason makes nothing: the caller hears that reason next.
        if (await RefuseWriteAsync(http, action, target) is not null) return AccessAnswer.Allowed;
        await spaces.MakeAsync(http, caller, name);
        return await access.AskAsync(caller, action, repository, http.RequestAborted);
    }

    /// <summary>How long the caller must wait if they sent too many requests; null if they did not.</summary>
    private TimeSpan? CountRequest(HttpContext http, Caller caller, Route route) => rates.Take(
        http, caller,
        (route.Kind, route.Method) switch
        {
            (V2Kind.Manifest, "GET" or "HEAD") => RateLimitKind.Pull,
            (V2Kind.Manifest, "PUT") => RateLimitKind.Push,
            (V2Kind.Catalog or V2Kind.Tags or V2Kind.TagDetails or V2Kind.Referrers, _) => RateLimitKind.List,
            _ => RateLimitKind.All,
        },
        isFree: route.Method == "HEAD");

    /// <summary>The error if nobody may write this now; null for reads.</summary>
    private async ValueTask<RegistryError?> RefuseWriteAsync(HttpContext http, AccessAction action, V2Target target)
    {
        if (action is not (AccessAction.Push or AccessAction.Delete)) return null;
        if (storage.Maintenance.ReadOnly.Enabled) return RegistryError.ReadOnly();
        if (gate.Reason is not null) return RegistryError.PushesRefused();
        if (action == AccessAction.Delete) return storage.Delete.Enabled ? null : RegistryError.DeleteDisabled();
        return creation.CreateOnPush || await repositories.ExistsAsync(target.Repository, http.RequestAborted)
            ? null
            : RegistryError.RepositoryNotMade(target.Repository);
    }

    private static RegistryError RefuseAction(Caller caller, AccessAction action, V2Target target) =>
        caller.Kind == CallerKind.Anonymous
            ? RegistryError.Denied("this requires signing in, and there are no users (auth.anonymous, auth.local)")
            : RegistryError.Denied($"{caller.Name} may not {Roles.Words(action)} {target.Repository}");

    private RegistryError Challenge(HttpContext http, AccessScope? scope, string reason)
    {
        http.Response.Headers.WWWAuthenticate = signIn.ChallengeFor(http, RealmFor(http), scope);
        return RegistryError.Unauthorized(reason);
    }

    /// <summary>Where clients get tokens.</summary>
    private string RealmFor(HttpContext http) => signIn.Issuer switch
    {
        null => locations.AbsoluteOf(http, TokenEndpoint.Path),
        { AutoRedirect: true } issuer => locations.RootOf(http) + issuer.AutoRedirectPath,
        { } issuer => issuer.Realm,
    };

    private static async Task<RegistryError?> AnswerVersionAsync(V2Request request)
    {
        request.Response.ContentType = "application/json";
        request.Response.ContentLength = 2;
        if (HttpMethods.IsGet(request.Http.Request.Method))
        {
            await request.Response.BodyWriter.WriteAsync("{}"u8.ToArray());
        }

        return null;
    }

    private sealed record Route(
        string Method, V2Kind Kind, AccessAction Action, Func<V2Request, Task<RegistryError?>> Endpoint);
}
