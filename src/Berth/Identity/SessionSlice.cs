using System.CommandLine;
using Berth.Access;
using Berth.Audit;
using Berth.Cli;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>Sign-in with a browser: at other systems' pages or with a password, and its sessions.</summary>
internal sealed class SessionSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var auth = settings.Auth ?? new AuthSettings();
        services.AddSingleton(_ => new BrowserCookies(settings.Http));
        services.AddSingleton(provider => new BrowserSessions(
            auth.Sessions, auth.SecondFactor.RecentSignIn, provider.GetRequiredService<BrowserCookies>(),
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessChanges>(),
            provider.GetRequiredService<KnownRights>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(auth).AddSingleton<Func<HttpContext, string, string>>(provider =>
            provider.GetRequiredService<Locations>().AbsoluteOf);
        services.AddSingleton<BrowserAdmission>().AddSingleton<SignInForms>().AddSingleton<SessionPages>()
            .AddSingleton<FormRuns>().AddSingleton<DeviceSignIn>().AddSingleton<DevicePages>();
        services.AddSingleton(provider => new SignInPages(
            SystemsOf(auth, provider), auth.Sessions.ConcurrentSignIns, provider.GetRequiredService<BrowserCookies>(),
            provider.GetRequiredService<BrowserSessions>(), provider.GetRequiredService<BrowserAdmission>(),
            provider.GetRequiredService<ExternalAccounts>(),
            provider.GetRequiredService<RateLimits>(), provider.GetRequiredService<RefusedSignIns>(),
            provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Locations>().AbsoluteOf,
            provider.GetRequiredService<ILogger<SignInPages>>()));
        AddFactors(services, settings, auth);
    }

    /// <summary>What users sign in with besides their password, and accounts that they make themselves.</summary>
    private static void AddFactors(IServiceCollection services, RegistrySettings settings, AuthSettings auth)
    {
        services.AddSingleton(auth.SecondFactor).AddSingleton(auth.Local);
        services.AddSingleton<StepTickets>().AddSingleton<SecondFactors>().AddSingleton<Passkeys>()
            .AddSingleton<SecondFactorPages>().AddSingleton<AccountPage>();
        services.AddSingleton(provider => new AvailableNames(
            new SettingsRules(settings.Access), NamespacesOf(auth.Keyless), provider.GetService<HtpasswdFile>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<NewUsers>().AddSingleton<JoinPages>();
    }

    private static HashSet<string> NamespacesOf(KeylessSettings? keyless) =>
        [.. (keyless?.Issuers ?? []).SelectMany(issuer => issuer.Rules).SelectMany(rule => rule.Names)
            .Select(name => name.Split('/')[0])];

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        if (settings.Auth is not { HasAccounts: true }) return;
        var log = routes.ServiceProvider.GetRequiredService<ILogger<SessionPages>>();
        var sessions = routes.ServiceProvider.GetRequiredService<SessionPages>();
        var devices = routes.ServiceProvider.GetRequiredService<DevicePages>();
        var pages = routes.ServiceProvider.GetRequiredService<SignInPages>();
        var second = routes.ServiceProvider.GetRequiredService<SecondFactorPages>();
        var account = routes.ServiceProvider.GetRequiredService<AccountPage>();
        var join = routes.ServiceProvider.GetRequiredService<JoinPages>();
        Map("GET", SignInForms.Path, sessions.ShowAsync);
        Map("GET", SignInForms.ScriptPath, second.AnswerScriptAsync);
        Map("POST", SecondFactorPages.Path, second.PostCodeAsync);
        Map("POST", SecondFactorPages.PasskeyPath, second.PostPasskeyAsync);
        Map("POST", SecondFactorPages.PasskeyPath + "/options", second.AskPasskeyAsync);
        Map("GET", AccountPage.Path, account.ShowAsync);
        Map("POST", AccountPage.Path, account.PostAsync);
        Map("GET", JoinPages.RegisterPath, join.ShowAsync);
        Map("POST", JoinPages.RegisterPath, join.PostAsync);
        Map("GET", JoinPages.JoinPath + "{secret}", join.ShowAsync);
        Map("POST", JoinPages.JoinPath + "{secret}", join.PostAsync);
        Map("GET", "/auth/session", sessions.AnswerSessionAsync);
        Map("POST", "/auth/password", sessions.SignInAsync);
        Map("POST", "/auth/logout", sessions.SignOutAsync);
        Map("GET", DevicePages.Path, devices.ShowAsync);
        Map("POST", DevicePages.Path, devices.PostAsync);
        Map("POST", DevicePages.Path + "/token", devices.AnswerTokenAsync);
        Map("GET", "/auth/{system}/start", pages.StartAsync);
        Map("GET", "/auth/{system}/callback", pages.FinishAsync);
        Map("POST", "/auth/{system}/link", pages.LinkAsync);

        void Map(string method, string path, RequestDelegate answer) =>
            routes.MapMethods(path, [method], http => AnswerAsync(http, answer, log));
    }

    public override IEnumerable<Command> Commands => [LoginCommand.Create(), LogoutCommand.Create()];

    private static List<BrowserSignIn> SystemsOf(AuthSettings auth, IServiceProvider provider)
    {
        var clock = provider.GetRequiredService<TimeProvider>();
        var log = provider.GetRequiredService<ILogger<OpenIdSignIn>>();
        return [.. auth.Oidc.Select(each => each.Kind == OpenIdKind.GitHub
            ? (BrowserSignIn)new GitHubSignIn(each, clock)
            : new OpenIdSignIn(each, clock, log))];
    }

    private static async Task AnswerAsync(HttpContext http, RequestDelegate answer, ILogger log)
    {
        try
        {
            await answer(http);
        }
        catch (Exception e) when (!http.Response.HasStarted && StorageFailure.Of(e) is { } failure)
        {
            var error = failure.Report(http.Response, log);
            await PageAnswer.WriteProblemAsync(
                http, error.Status, "The storage fails", error.Message,
                TimeSpan.FromSeconds(error.RetryAfterSeconds ?? 1));
        }
    }
}
