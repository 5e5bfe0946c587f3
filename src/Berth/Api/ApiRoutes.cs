namespace Berth.Api;

/// <summary>
/// All routes of the API, and the right that each requires. The table is its documentation. <c>handler:</c> tells a
/// handler that answers something from one that writes it itself.
/// </summary>
internal static partial class ApiRoutes
{
    public const string Prefix = "/api/v1";

    private const string Organization = "/organizations/{organization}";
    private const string Team = Organization + "/teams/{team}";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup(Prefix).AnswersHead();
        var services = routes.ServiceProvider;
        MapMe(Tagged("me"), services);
        MapFactors(Tagged("me"), services.GetRequiredService<SecondFactorEndpoints>());
        MapUsers(Tagged("users"), services);
        MapOrganizations(Tagged("organizations"), services.GetRequiredService<OrganizationEndpoints>());
        MapTeams(Tagged("teams"), services.GetRequiredService<TeamEndpoints>());
        MapGrants(Tagged("grants"), services);
        MapKeylessRules(Tagged("keyless rules"), services.GetRequiredService<KeylessRuleEndpoints>());
        MapRobots(Tagged("robots"), services.GetRequiredService<RobotEndpoints>());
        MapRepositories(Tagged("repositories"), services.GetRequiredService<RepositoryEndpoints>());
        MapNamespaces(Tagged("repositories"), services);
        MapIdentities(Tagged("identities"), services.GetRequiredService<IdentityEndpoints>());
        MapCopies(Tagged("repositories"), services.GetRequiredService<RepositoryCopyEndpoints>());
        MapStars(Tagged("stars"), services.GetRequiredService<StarEndpoints>());
        MapSearch(Tagged("search"), services);
        Tagged("statistics").MapGet("/statistics", services.GetRequiredService<StatisticsEndpoints>().GetAsync)
            .Requires(ApiRight.Pull, "How much a repository is used, and what it keeps");
        MapTags(Tagged("tags"), services.GetRequiredService<TagEndpoints>());
        MapImages(Tagged("images"), services);
        MapVulnerabilities(Tagged("vulnerabilities"), services);
        MapTrash(Tagged("trash"), services.GetRequiredService<TrashEndpoints>());
        MapTagRules(Tagged("tag rules"), services.GetRequiredService<TagRuleEndpoints>());
        MapTrust(Tagged("trust"), services.GetRequiredService<TrustEndpoints>());
        MapPolicies(
            Tagged("policies"), services.GetRequiredService<PolicyEndpoints>(),
            services.GetRequiredService<WaiverEndpoints>());
        MapRetention(Tagged("retention"), services);
        MapUsage(Tagged("usage"), services);
        MapQuotas(Tagged("quotas"), services.GetRequiredService<QuotaEndpoints>());
        MapCollections(Tagged("garbage"), services.GetRequiredService<CollectionEndpoints>());
        MapImports(Tagged("imports"), services.GetRequiredService<ImportEndpoints>());
        MapBackups(Tagged("backups"), services.GetRequiredService<BackupEndpoints>());
        MapScrub(Tagged("scrub"), services.GetRequiredService<ScrubEndpoints>());
        MapWork(Tagged("operation"), services.GetRequiredService<WorkEndpoints>());
        MapInvitations(Tagged("invitations"), services.GetRequiredService<InvitationEndpoints>());
        Tagged("audit").MapGet("/audit", handler: services.GetRequiredService<AuditEndpoints>().ListAsync)
            .Requires(ApiRight.Staff, "Show who did what, the newest first")
            .Lists([.. AuditEndpoints.Filters, AuditEndpoints.Changes]);
        api.Map("/{**rest}", RefuseAsync).WithMetadata(new RequiredRight(ApiRight.Everyone));

        RouteGroupBuilder Tagged(string tag) => api.MapGroup("").WithTags(tag);
    }

    private static void MapMe(RouteGroupBuilder api, IServiceProvider services)
    {
        var me = services.GetRequiredService<MeEndpoints>();
        api.MapGet("/me", handler: me.GetAsync).Requires(ApiRight.SignedIn, "Who the caller is");
        api.MapPatch("/me", me.ChangeAsync).Requires(ApiRight.Self, "Change one's own account").Versioned();
        api.MapPut("/me/password", me.SetPasswordAsync).Requires(ApiRight.Self, "Change one's own password")
            .Versioned();

        var tokens = services.GetRequiredService<PersonalTokenEndpoints>();
        api.MapGet("/me/tokens", handler: tokens.ListMineAsync)
            .Requires(ApiRight.Self, "List one's own tokens").Lists();
        api.MapPost("/me/tokens", tokens.AddMineAsync).Requires(ApiRight.Self, "Make a token").Makes();
        api.MapGet("/me/tokens/{id:long}", tokens.GetMineAsync).Requires(ApiRight.Self, "Show a token");
        api.MapDelete("/me/tokens/current", handler: tokens.RemoveCurrentAsync)
            .Requires(ApiRight.Self, "Revoke the token with which the request is made").Versioned();
        api.MapDelete("/me/tokens/{id:long}", tokens.RemoveMineAsync).Requires(ApiRight.Self, "Revoke a token")
            .Versioned();
        api.MapPost("/me/tokens/{id:long}/rotate", tokens.RotateMineAsync)
            .Requires(ApiRight.Self, "Replace a token by a new one").Makes().Versioned();

        var sessions = services.GetRequiredService<SessionEndpoints>();
        api.MapGet("/me/sessions", handler: sessions.ListMineAsync)
            .Requires(ApiRight.Self, "List the browsers and programs that are signed in");
        api.MapDelete("/me/sessions", handler: sessions.RemoveAllMineAsync)
            .Requires(ApiRight.Self, "Sign all browsers and programs out").Versioned();
        api.MapDelete("/me/sessions/{id}", sessions.RemoveMineAsync)
            .Requires(ApiRight.Self, "Sign a browser or a program out").Versioned();
    }

    private static void MapFactors(RouteGroupBuilder api, SecondFactorEndpoints factors)
    {
        api.MapGet("/me/second-factors", handler: factors.GetAsync)
            .Requires(ApiRight.Self, "Show what one signs in with besides the password");
        api.MapPost("/me/authenticator", handler: factors.AddAppAsync)
            .Requires(ApiRight.Recent, "Begin with an authenticator app").Makes().Versioned();
        api.MapPost("/me/authenticator/confirm", factors.ConfirmAppAsync)
            .Requires(ApiRight.Recent, "Take the app into use, with a code that it shows").Versioned();
        api.MapDelete("/me/authenticator", handler: factors.RemoveAppAsync)
            .Requires(ApiRight.Recent, "Remove the authenticator app").Versioned();
        api.MapPost("/me/recovery-codes", handler: factors.RenewCodesAsync)
            .Requires(ApiRight.Recent, "Make new recovery codes in place of the old").Makes().Versioned();
        api.MapPost("/me/passkeys/options", handler: factors.AskPasskeyAsync)
            .Requires(ApiRight.Recent, "What a browser is asked for to make a passkey");
        api.MapPost("/me/passkeys", factors.AddPasskeyAsync).Requires(ApiRight.Recent, "Add a passkey").Versioned();
        api.MapDelete("/me/passkeys/{id}", factors.RemovePasskeyAsync).Requires(ApiRight.Recent, "Remove a passkey")
            .Versioned();
        api.MapDelete("/users/{name}/second-factors", factors.ResetAsync)
            .Requires(ApiRight.Administrator, "Remove all that a user signs in with besides the password")
            .Versioned();
    }

    private static void MapIdentities(RouteGroupBuilder api, IdentityEndpoints identities)
    {
        api.MapGet("/me/identities", handler: identities.ListMineAsync)
            .Requires(ApiRight.Self, "List accounts of other directories to sign in with");
        api.MapDelete("/me/identities/{source}/{**subject}", identities.RemoveMineAsync)
            .Requires(ApiRight.Recent, "Stop signing in with an account of another directory").Versioned();
        api.MapGet("/users/{name}/identities", identities.ListAsync)
            .Requires(ApiRight.Staff, "List accounts of other directories with which a user signs in");
        api.MapPost("/users/{name}/identities", identities.AddAsync)
            .Requires(ApiRight.Administrator, "Link an account of another directory to a user").Makes();
        api.MapDelete("/users/{name}/identities/{source}/{**subject}", identities.RemoveAsync)
            .Requires(ApiRight.Administrator, "Unlink an account of another directory from a user").Versioned();
    }

    private static void MapInvitations(RouteGroupBuilder api, InvitationEndpoints invitations)
    {
        api.MapGet("/invitations", handler: invitations.ListAsync)
            .Requires(ApiRight.Administrator, "List the invitations that nobody has used yet").Lists();
        api.MapPost("/invitations", invitations.AddAsync)
            .Requires(ApiRight.Administrator, "Make a link with which somebody may make an account").Makes();
        api.MapDelete("/invitations/{id:long}", invitations.RemoveAsync)
            .Requires(ApiRight.Administrator, "Withdraw an invitation").Versioned();
    }

    private static void MapUsers(RouteGroupBuilder api, IServiceProvider services)
    {
        var users = services.GetRequiredService<UserEndpoints>();
        api.MapGet("/users", handler: users.ListAsync).Requires(ApiRight.Staff, "List users").Lists();
        api.MapPost("/users", users.AddAsync).Requires(ApiRight.Administrator, "Make a user").Makes();
        api.MapGet("/users/{name}", users.GetAsync).Requires(ApiRight.Staff, "Show a user");
        api.MapPatch("/users/{name}", users.ChangeAsync)
            .Requires(ApiRight.Administrator, "Change a user").Versioned();
        api.MapDelete("/users/{name}", users.RemoveAsync)
            .Requires(ApiRight.Administrator, "Delete a user").Versioned();
        api.MapPut("/users/{name}/password", users.SetPasswordAsync)
            .Requires(ApiRight.Administrator, "Set a user's password").Versioned();

        var tokens = services.GetRequiredService<PersonalTokenEndpoints>();
        api.MapGet("/users/{name}/tokens", tokens.ListAsync).Requires(ApiRight.Staff, "List a user's tokens").Lists();
        api.MapPost("/users/{name}/tokens", tokens.AddAsync)
            .Requires(ApiRight.Administrator, "Make a token for a user").Makes();
        api.MapGet("/users/{name}/tokens/{id:long}", tokens.GetAsync).Requires(ApiRight.Staff, "Show a user's token");
        api.MapDelete("/users/{name}/tokens/{id:long}", tokens.RemoveAsync)
            .Requires(ApiRight.Administrator, "Revoke a user's token").Versioned();
        api.MapPost("/users/{name}/tokens/{id:long}/rotate", tokens.RotateAsync)
            .Requires(ApiRight.Administrator, "Replace a user's token by a new one").Makes().Versioned();

        var sessions = services.GetRequiredService<SessionEndpoints>();
        api.MapGet("/users/{name}/sessions", sessions.ListAsync)
            .Requires(ApiRight.Staff, "List the browsers and programs that are signed in as a user");
        api.MapDelete("/users/{name}/sessions", sessions.RemoveAllAsync)
            .Requires(ApiRight.Administrator, "Sign a user out everywhere").Versioned();
        api.MapDelete("/users/{name}/sessions/{id}", sessions.RemoveAsync)
            .Requires(ApiRight.Administrator, "Sign a user out of a browser or a program").Versioned();
    }

    private static void MapOrganizations(RouteGroupBuilder api, OrganizationEndpoints organizations)
    {
        api.MapGet("/organizations", handler: organizations.ListAsync)
            .Requires(ApiRight.Account, "List organizations: for staff all, for others their own").Lists();
        api.MapPost("/organizations", organizations.AddAsync)
            .Requires(ApiRight.Administrator, "Make an organization").Makes();
        api.MapGet(Organization, organizations.GetAsync).Requires(ApiRight.Member, "Show an organization");
        api.MapPatch(Organization, organizations.ChangeAsync)
            .Requires(ApiRight.Owner, "Change an organization").Versioned();
        api.MapDelete(Organization, organizations.RemoveAsync)
            .Requires(ApiRight.Owner, "Delete an organization that has no repositories").Versioned();
        api.MapGet(Organization + "/members", organizations.MembersAsync)
            .Requires(ApiRight.Member, "List the members of an organization").Lists();
        api.MapGet(Organization + "/members/{user}", organizations.MemberAsync)
            .Requires(ApiRight.Member, "Show a member of an organization");
        api.MapPut(Organization + "/members/{user}", organizations.PutMemberAsync)
            .Requires(ApiRight.Owner, "Add a member, or change their role").Versioned();
        api.MapDelete(Organization + "/members/{user}", organizations.RemoveMemberAsync)
            .Requires(ApiRight.Owner, "Remove a member").Versioned();
    }

    private static void MapTeams(RouteGroupBuilder api, TeamEndpoints teams)
    {
        api.MapGet(Organization + "/teams", teams.ListAsync).Requires(ApiRight.Member, "List teams").Lists();
        api.MapPost(Organization + "/teams", teams.AddAsync).Requires(ApiRight.Owner, "Make a team").Makes();
        api.MapGet(Team, teams.GetAsync).Requires(ApiRight.Member, "Show a team");
        api.MapPatch(Team, teams.ChangeAsync).Requires(ApiRight.Owner, "Change a team").Versioned();
        api.MapDelete(Team, teams.RemoveAsync).Requires(ApiRight.Owner, "Delete a team with its grants").Versioned();
        api.MapGet(Team + "/members", teams.MembersAsync)
            .Requires(ApiRight.Member, "List the members of a team").Lists();
        api.MapPut(Team + "/members/{user}", teams.AddMemberAsync).Requires(ApiRight.Owner, "Add a member").Versioned();
        api.MapDelete(Team + "/members/{user}", teams.RemoveMemberAsync).Requires(ApiRight.Owner, "Remove a member")
            .Versioned();
        api.MapGet(Team + "/groups", teams.GroupsAsync)
            .Requires(ApiRight.Member, "List the groups of other directories whose members are in the team");
        api.MapPost(Team + "/groups", teams.AddGroupAsync)
            .Requires(ApiRight.Owner, "Add a group of another directory to a team");
        api.MapDelete(Team + "/groups/{source}/{**group}", teams.RemoveGroupAsync)
            .Requires(ApiRight.Owner, "Remove a group from a team").Versioned();
    }

    private static void MapGrants(RouteGroupBuilder api, IServiceProvider services)
    {
        var grants = services.GetRequiredService<GrantEndpoints>();
        api.MapGet("/grants", handler: grants.ListAsync)
            .Requires(ApiRight.Account, "List the grants in a namespace, or of a user, a robot or a team")
            .Lists("namespace", "user", "robot", "team");
        api.MapPost("/grants", grants.AddAsync)
            .Requires(ApiRight.Account, "Allow something, in repositories that the caller owns").Makes();
        api.MapDelete("/grants/{id:long}", grants.RemoveAsync)
            .Requires(ApiRight.Account, "Take a grant back, in repositories that the caller owns").Versioned();
        api.MapGet("/access/explain", services.GetRequiredService<AccessEndpoints>().ExplainAsync)
            .Requires(ApiRight.SignedIn, "What somebody may do in a repository, and why");
        api.MapGet("/access", services.GetRequiredService<RepositoryAccessEndpoints>().ListAsync)
            .Requires(ApiRight.Pull, "List who may do what in a repository: for its owners and staff").Lists();
        api.MapPost("/access/explain", services.GetRequiredService<SentTokenEndpoints>().ExplainAsync)
            .Requires(ApiRight.Staff, "What a token is, and why it lets somebody in, or does not");
    }

    private static void MapRobots(RouteGroupBuilder api, RobotEndpoints robots)
    {
        api.MapGet("/robots", robots.ListAsync)
            .Requires(ApiRight.Account, "List the robots of a namespace or a repository, or of the registry").Lists();
        api.MapPost("/robots", robots.AddAsync)
            .Requires(ApiRight.Account, "Make a robot in a namespace or a repository that the caller owns").Makes();
        api.MapGet("/robots/{name}", robots.GetAsync).Requires(ApiRight.Account, "Show a robot");
        api.MapPatch("/robots/{name}", robots.ChangeAsync).Requires(ApiRight.Account, "Change a robot").Versioned();
        api.MapDelete("/robots/{name}", robots.RemoveAsync).Requires(ApiRight.Account, "Delete a robot").Versioned();
        api.MapPost("/robots/{name}/rotate", robots.RotateAsync)
            .Requires(ApiRight.Account, "Give a robot a new secret").Makes().Versioned();
    }

    private static void MapKeylessRules(RouteGroupBuilder api, KeylessRuleEndpoints rules)
    {
        api.MapGet("/keyless-rules", handler: rules.ListAsync)
            .Requires(ApiRight.Staff, "List what tokens of issuers may do, by the settings too").Lists();
        api.MapPost("/keyless-rules", rules.AddAsync)
            .Requires(ApiRight.Administrator, "Allow tokens of an issuer something").Makes();
        api.MapGet("/keyless-rules/{id}", rules.GetAsync).Requires(ApiRight.Staff, "Show a rule");
        api.MapPut("/keyless-rules/{id}", rules.ReplaceAsync)
            .Requires(ApiRight.Administrator, "Replace a rule").Versioned();
        api.MapDelete("/keyless-rules/{id}", rules.RemoveAsync)
            .Requires(ApiRight.Administrator, "Remove a rule").Versioned();
    }

    /// <summary>A path that there is not, or not with this method.</summary>
    private static Task RefuseAsync(HttpContext http)
    {
        ApiGate.SetHeaders(http.Response);
        var path = http.Request.Path.Value!.Split('/');
        var methods = http.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<RequiredRight>() is not null && IsAt(route, path))
            .SelectMany(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [])
            .Distinct().Order(StringComparer.Ordinal).ToList();
        if (methods.Count == 0) return ApiError.NoSuchPath().WriteAsync(http.Response);

        // With this method there is a route. It was passed over because of the body's type, or of an id that is none.
        if (methods.Contains(http.Request.Method))
        {
            var error = http.Request.HasJsonContentType() || http.Request.Method is "DELETE" or "GET" or "HEAD"
                ? ApiError.NotFound("such id: it is a number") : ApiError.NotJson();
            return error.WriteAsync(http.Response);
        }

        http.Response.Headers.Allow = string.Join(", ", methods);
        return ApiError.MethodNotAllowed(http.Request.Method).WriteAsync(http.Response);
    }

    private static bool IsAt(RouteEndpoint route, string[] path)
    {
        var segments = ("/" + route.RoutePattern.RawText!.TrimStart('/')).Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            if (segments[i].StartsWith("{**", StringComparison.Ordinal)) return path.Length > i;
            if (i >= path.Length || (segments[i] != path[i] && !segments[i].StartsWith('{'))) return false;
        }

        return path.Length == segments.Length;
    }
}
