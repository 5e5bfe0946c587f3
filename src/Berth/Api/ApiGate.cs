using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Audit;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Api;

/// <summary>
/// What every request to the API passes first: finds who sent it, and checks the right that its route requires, before
/// anything of it is read. Also turns what goes wrong later into an error that says so.
/// </summary>
/// <param name="signIn">Finds the caller; null for a command on the machine itself, which is the operator's.</param>
/// <param name="access">Decides.</param>
/// <param name="database">Who is what in an organization.</param>
/// <param name="auth">Whether there is anybody who could sign in.</param>
/// <param name="storage">Whether anything may be pushed or deleted.</param>
/// <param name="rates">How many requests somebody may send.</param>
/// <param name="audit">Gets what was changed, or denied, and what staff looked at.</param>
/// <param name="log">Unexpected errors.</param>
internal sealed partial class ApiGate(
    Func<SignIn>? signIn, AccessRules access, Database database, AuthSettings? auth, StorageSettings storage,
    RateLimits rates, AuditLog audit, ILogger<ApiGate> log)
{
    /// <summary>More than any request needs: the longest list in one is that of a robot's grants.</summary>
    public const int MaxBodyBytes = 64 * 1024;

    private const string Challenge = "Basic realm=\"Berth\"";

    /// <summary>Whoever can open the database can do everything already.</summary>
    private static readonly ApiCaller Operator = new(
        new Caller(null, CallerKind.User, Caller.OperatorName, SignInMethod.Console),
        new CallerRights(true, null, [], MayEverything: true), IsAdministrator: true);

    public async Task HandleAsync(HttpContext http, RequiredRight required, RequestDelegate next)
    {
        SetHeaders(http.Response);
        DecodeSlashes(http.Request.RouteValues);
        ApiError? error;
        try
        {
            error = await AdmitAsync(http, required) ?? Check(http, signIn?.Invoke());
            if (error is null) await next(http);
        }
        catch (BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            error = Explain(e);
        }
        catch (Exception e) when (IsAnswered(http) && StorageFailure.Of(e) is { } failure)
        {
            error = ApiError.Of(failure.Report(http.Response, log));
        }
        catch (Exception e) when (IsAnswered(http) && !IsOfConnection(e))
        {
            LogUnexpected(e, http.TraceIdentifier);
            error = ApiError.Unexpected(http.TraceIdentifier);
        }

        if (error is not null) await WriteAsync(http, error);
        Note(http, required);
    }

    private static Task WriteAsync(HttpContext http, ApiError error) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IErrorAnswer>() is { } page
            ? page.WriteAsync(http, error) : error.WriteAsync(http.Response);

    /// <summary>
    /// The server leaves an escaped slash escaped. Clients that were generated from the document send those.
    /// </summary>
    private static void DecodeSlashes(RouteValueDictionary values)
    {
        foreach (var (key, value) in values.ToList())
        {
            if (value is string text && text.Contains("%2F", StringComparison.OrdinalIgnoreCase))
                values[key] = text.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>Notes changes, refusals, and what staff reads of accounts and rights.</summary>
    private void Note(HttpContext http, RequiredRight required)
    {
        var isChange = !IsReading(http.Request.Method);

        // Nobody is denied what they could not sign in for: anybody could fill the log.
        var isDenied = http.Response.StatusCode == StatusCodes.Status403Forbidden
            && http.Features.Get<Caller>() is not (null or { Kind: CallerKind.Anonymous });
        var isDone = http.Response.StatusCode < StatusCodes.Status400BadRequest;
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText?.Replace("**", "")
            .Replace(":long", "");
        var action = http.GetEndpoint()?.Metadata.GetMetadata<NotedAs>()?.Route ?? $"{http.Request.Method} {route}";
        if (http.Features.Get<NotedOneByOne>() is { Notes.Count: > 0 } noted)
        {
            foreach (var one in noted.Notes)
            {
                audit.Note(http, action, isDone: true, entry => entry with
                {
                    Repository = one.Repository,
                    Target = one.Target,
                    Detail = one.Detail,
                });
            }

            return;
        }

        if (!isDenied && !(isDone && (isChange || IsAdministrative(http, required.Right)))) return;
        var note = isChange ? http.Features.Get<ChangeNote>() : null;
        audit.Note(http, action, isDone, entry => entry with
        {
            Repository = note?.Repository ?? (required.Action is null ? null : NameIn(http)),
            Target = TargetOf(http, note),
            Detail = note?.Detail,
        });
    }

    /// <summary>Whether it is for staff alone, or staff may ask about what is others'.</summary>
    private static bool IsAdministrative(HttpContext http, ApiRight right) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IsUnnoted>() is null && (right == ApiRight.Staff
            || (right is ApiRight.Account or ApiRight.Member or ApiRight.Owner
                && http.Features.Get<ApiCaller>()?.IsStaff == true));

    /// <summary>What the path names, and what was made there.</summary>
    private static string? TargetOf(HttpContext http, ChangeNote? note)
    {
        var names = http.Request.RouteValues.Values.ToList();
        if (note is { IsOfNew: true, Target: { } made } && !made.Equals(names.LastOrDefault())) names.Add(made);
        return names.Count == 0 ? null : string.Join('/', names);
    }

    private static bool IsReading(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    /// <summary>Answers are about one caller at one moment, and never pages.</summary>
    public static void SetHeaders(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
    }

    private static ApiError? Check(HttpContext http, SignIn? signIn)
    {
        var limitBytes = http.GetEndpoint()?.Metadata.GetMetadata<LargestBody>()?.Bytes ?? MaxBodyBytes;

        // The server's own limit would also keep it from reading what a client that was refused is still sending.
        if (http.Request.ContentLength > limitBytes) return ApiError.TooLarge(limitBytes);
        if (http.Request.ContentLength is null
            && http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = limitBytes;
        }

        SmallBody.LimitTime(http);
        if (http.Request.Query["n"] is [{ } n]
            && !(int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0))
        {
            return ApiError.Invalid("n must be a number above 0");
        }

        // No name or number has one, and PostgreSQL takes none.
        if (http.Request.Query.FirstOrDefault(pair => pair.Value.ToString().Contains('\0')) is { Key: { } key })
            return ApiError.Invalid($"{PlainText.Of(key)} has no NUL characters");

        // A browser that knows a password sends it with forms of other sites too, but tells that it does.
        return !IsReading(http.Request.Method) && signIn?.IsOfForeignPage(http) == true
            ? ApiError.Denied("the request comes from a page of another site")
            : null;
    }

    private async ValueTask<ApiError?> AdmitAsync(HttpContext http, RequiredRight required)
    {
        if (signIn is null) return AdmitOperator(http, required);

        var sent = await signIn().FindInBrowserAsync(http);
        if (sent.Caller is not { } caller) return RefuseCaller(http, sent);
        if (caller.Kind == CallerKind.Anonymous && http.Request.Headers.Authorization.Count > 0)
            return AskToSignIn(http, "these credentials are not valid here");
        if (caller.Method == SignInMethod.Token)
            return AskToSignIn(http, "tokens of /token are for /v2/: use a password or a personal token");
        http.Features.Set(caller);
        if (rates.Take(http, caller, RateLimitKind.Api) is { } wait)
            return ApiError.Of(RegistryError.RateExceeded(wait));
        var rights = await access.RightsOfAsync(caller, http.RequestAborted);
        if (!rights.AreValid) return AskToSignIn(http, "this account is disabled, or has expired");
        var found = new ApiCaller(caller, rights, rights.Account?.Role == RegistryRole.Administrator);
        http.Features.Set(found);
        if (required.Action is { } action) return await AdmitAsync(http, found, action);
        if (required.Right is ApiRight.Everyone or ApiRight.Visible) return null;
        if (caller.Kind == CallerKind.Anonymous) return AskToSignIn(http, "this requires signing in");
        if (required.Right == ApiRight.SignedIn) return null;
        return caller.Limits is not null
            ? ApiError.Denied("this token is limited to what it may do in repositories")
            : await CheckAsync(http, found, required.Right);
    }

    private ApiError? AdmitOperator(HttpContext http, RequiredRight required)
    {
        http.Features.Set(Operator);
        http.Features.Set(Operator.Caller);
        if (required.Right is ApiRight.Self or ApiRight.Recent) return ApiError.Denied("the operator has no account");
        if (required.Action is not { } action) return null;
        return action == AccessAction.Catalog || RepositoryName.TryParse(NameIn(http), out _)
            ? Refuse(action) : ApiError.NotFound("such repository");
    }

    /// <summary>Requests with wrong credentials count as those without any.</summary>
    private ApiError RefuseCaller(HttpContext http, SignInResult sent)
    {
        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Api) is { } wait)
            return ApiError.Of(RegistryError.RateExceeded(wait));
        return sent.IsBusy ? ApiError.Of(RegistryError.NotChecked(sent)) : AskToSignIn(http, sent.Reason!);
    }

    private async ValueTask<ApiError?> CheckAsync(HttpContext http, ApiCaller caller, ApiRight right)
    {
        switch (right)
        {
            case ApiRight.Self:
                return CheckUser(caller);
            case ApiRight.Recent:
                return CheckUser(caller) ?? (await signIn!().IsRecentAsync(http, caller.Caller)
                    ? null : ApiError.Denied("sign in again in this browser, or use the password: not a token"));
            case ApiRight.Account:
                return caller.Rights.Account is not null || caller.Rights.MayEverything
                    ? null : ApiError.Denied("this is for callers with an account");
            case ApiRight.Staff:
                return caller.IsStaff ? null : ApiError.Denied("this is for administrators and auditors");
            case ApiRight.Administrator:
                return caller.IsAdministrator ? null : ApiError.Denied("this is for administrators");
        }

        if (caller.IsAdministrator) return null;
        var role = caller.Rights.Account is { Account.Id: var id }
            && AccountName.TryParse(http.GetRouteValue("organization") as string, out var name)
                ? await database.ReadAsync(
                    session => OrganizationTable.RoleOfAsync(session, name.Text, id), http.RequestAborted)
                : null;
        if (role is null && !caller.IsStaff) return ApiError.NotFound("such organization");
        return right == ApiRight.Member || role == Roles.Word(Role.Owner)
            ? null : ApiError.Denied("this is for owners of the organization");
    }

    private static ApiError? CheckUser(ApiCaller caller) =>
        caller.Rights.Account is not null && caller.Caller.Kind == CallerKind.User
            ? null : ApiError.Denied("this is for users with an account");

    /// <summary>The repository that a request is about: in its path, or else in its query.</summary>
    private static string NameIn(HttpContext http) =>
        http.GetRouteValue("name") as string ?? http.Request.Query["repository"].ToString();

    /// <summary>What is asked for in a repository: one that may not be pulled from is not there.</summary>
    private async ValueTask<ApiError?> AdmitAsync(HttpContext http, ApiCaller caller, AccessAction action)
    {
        RepositoryName? repository = null;
        if (action != AccessAction.Catalog)
        {
            if (NameIn(http).Length == 0) return ApiError.Invalid("name the repository: ?repository=NAME");
            if (!RepositoryName.TryParse(NameIn(http), out var name))
                return ApiError.NotFound("such repository");
            repository = name;
            if (await AskAsync(http, caller, AccessAction.Pull, repository) is { } refusal) return refusal;
            if (action == AccessAction.Pull) return null;
        }

        return await AskAsync(http, caller, action, repository) ?? Refuse(action);
    }

    /// <summary>Whether the caller may know that a repository, which it did not ask for, is there.</summary>
    public async ValueTask<bool> MaySeeAsync(HttpContext http, RepositoryName repository) =>
        http.Caller() is { IsStaff: true, Caller.Limits: null }
        || await access.AskAsync(http.Caller().Caller, AccessAction.Pull, repository, http.RequestAborted)
            == AccessAnswer.Allowed;

    /// <summary>Why nobody may do this at present; null if somebody may.</summary>
    public ApiError? Refuse(AccessAction action)
    {
        if ((action & (AccessAction.Push | AccessAction.Delete)) == 0) return null;
        if (storage.Maintenance.ReadOnly.Enabled) return ApiError.Of(RegistryError.ReadOnly());
        return action.HasFlag(AccessAction.Delete) && !storage.Delete.Enabled
            ? ApiError.Of(RegistryError.DeleteDisabled()) : null;
    }

    /// <summary>Whether a caller may do this in a repository; null if so.</summary>
    public async ValueTask<ApiError?> AskAsync(
        HttpContext http, ApiCaller caller, AccessAction action, RepositoryName? repository)
    {
        if (signIn is null) return null;
        return await access.AskAsync(caller.Caller, action, repository, http.RequestAborted) switch
        {
            AccessAnswer.Allowed => null,
            AccessAnswer.SignIn => AskToSignIn(http, "this requires signing in"),
            AccessAnswer.Hidden => ApiError.NotFound("such repository"),
            _ when caller.Caller.Kind == CallerKind.Anonymous =>
                ApiError.Denied("this requires signing in, and there are no users (auth.local)"),
            _ => ApiError.Denied(
                $"{caller.Name} may not {Roles.Words(action)} {repository}" + WayTo(caller, action, repository)),
        };
    }

    /// <summary>What it takes to do what was refused, and who gives it.</summary>
    private static string WayTo(ApiCaller caller, AccessAction action, RepositoryName? repository) =>
        repository is not { } name ? ""
        : caller.Caller.Limits is not null ? ": these credentials are limited, and do not allow it"
        : $": this needs the role {Roles.Word(Roles.Least(action))}, which an owner of {name.Namespace} or an "
            + "administrator can give";

    private ApiError AskToSignIn(HttpContext http, string reason)
    {
        if (auth?.HasUsers != true)
            return ApiError.Denied("this requires signing in, and there are no users (auth.local)");
        http.Response.Headers.WWWAuthenticate = Challenge;
        return ApiError.SignIn(reason);
    }

    private static ApiError Explain(BadHttpRequestException e) => e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => ApiError.TooLarge(MaxBodyBytes),
        StatusCodes.Status415UnsupportedMediaType => ApiError.NotJson(),
        _ when e.InnerException is JsonException json =>
            ApiError.Invalid(Explain(json)) with { Field = json.Path is { Length: > 2 } path ? FieldOf(path) : null },
        _ when e.Message.Contains("from body", StringComparison.Ordinal) =>
            ApiError.Invalid("a body of JSON is missing"),
        _ => ApiError.Invalid(e.Message),
    };

    /// <summary>The outermost field of <c>$.grants[0].names</c>.</summary>
    private static string FieldOf(string path) => path[2..].Split('.', '[')[0];

    /// <summary>The library names its own types, which mean nothing to a caller.</summary>
    private static string Explain(JsonException e)
    {
        var at = e.Path is { Length: > 2 } path ? $" at {path[2..]}" : "";
        var quoted = e.Message.Split('\'');
        return e.Message switch
        {
            _ when e.Message.Contains("could not be mapped", StringComparison.Ordinal) && quoted.Length > 1 =>
                $"there is no field '{quoted[1]}'",
            _ when e.Message.Contains("missing required", StringComparison.Ordinal) =>
                $"these fields are missing: {string.Join(", ", quoted.Skip(3).Where((_, i) => i % 2 == 0))}",
            _ when e.Message.Contains("could not be converted", StringComparison.Ordinal) =>
                at.EndsWith("role", StringComparison.Ordinal)
                    // The library names the body's type, and only bodies of users have roles in the registry.
                    ? $"the value{at} must be {(e.Message.Contains("User", StringComparison.Ordinal)
                        ? WordsOf<RegistryRole>() : WordsOf<Role>())}"
                    : $"the value{at} is of the wrong type, or not one of those that there are",
            _ when e.Message.Contains("doesn't allow", StringComparison.Ordinal) => $"the value{at} must not be null",
            _ => $"the body is not the JSON that is expected{at}",
        };
    }

    private static string WordsOf<T>()
        where T : struct, Enum
    {
        var words = Enum.GetValues<T>().Select(value => Roles.Word(value)).ToList();
        return $"{string.Join(", ", words[..^1])} or {words[^1]}";
    }

    /// <summary>A command prints what went wrong itself.</summary>
    private bool IsAnswered(HttpContext http) => !http.Response.HasStarted && signIn is not null;

    private static bool IsOfConnection(Exception e) =>
        e is OperationCanceledException or ConnectionResetException or IOException;

    [LoggerMessage(Level = LogLevel.Error, Message = "Unexpected error in request {Id}")]
    private partial void LogUnexpected(Exception e, string id);
}
