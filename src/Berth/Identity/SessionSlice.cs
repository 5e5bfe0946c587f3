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
            auth.Sessions, provider.GetRequiredService<BrowserCookies>(), provider.GetRequiredService<Database>(),
            provider.GetRequiredService<AccessChanges>(), provider.GetRequiredService<KnownRights>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new SessionPages(
            auth, provider.GetRequiredService<SignIn>(), provider.GetRequiredService<BrowserSessions>(),
            provider.GetRequiredService<BrowserCookies>(), provider.GetRequiredService<AccessRules>(),
            provider.GetRequiredService<RateLimits>(), provider.GetRequiredService<AuditLog>()));
        services.AddSingleton<DeviceSignIn>();
        services.AddSingleton(provider => new DevicePages(
            auth, provider.GetRequiredService<DeviceSignIn>(), provider.GetRequiredService<SignIn>(),
            provider.GetRequiredService<BrowserSessions>(), provider.GetRequiredService<BrowserCookies>(),
            provider.GetRequiredService<FailedSignIns>(), provider.GetRequiredService<RateLimits>(),
            provider.GetRequiredService<AuditLog>(), provider.GetRequiredService<Locations>().AbsoluteOf));
        services.AddSingleton(provider => new SignInPages(
            SystemsOf(auth, provider), provider.GetRequiredService<BrowserCookies>(),
            provider.GetRequiredService<BrowserSessions>(), provider.GetRequiredService<ExternalAccounts>(),
            provider.GetRequiredService<RateLimits>(), provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Locations>().AbsoluteOf,
            provider.GetRequiredService<ILogger<SignInPages>>()));
    }

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        if (settings.Auth is not { HasAccounts: true }) return;
        var log = routes.ServiceProvider.GetRequiredService<ILogger<SessionPages>>();
        var sessions = routes.ServiceProvider.GetRequiredService<SessionPages>();
        var devices = routes.ServiceProvider.GetRequiredService<DevicePages>();
        var pages = routes.ServiceProvider.GetRequiredService<SignInPages>();
        Map("GET", "/auth/session", sessions.AnswerSessionAsync);
        Map("POST", "/auth/password", sessions.SignInAsync);
        Map("POST", "/auth/logout", sessions.SignOutAsync);
        Map("GET", DevicePages.Path, devices.ShowAsync);
        Map("POST", DevicePages.Path, devices.PostAsync);
        Map("POST", DevicePages.Path + "/token", devices.AnswerTokenAsync);
        Map("GET", "/auth/{system}/start", pages.StartAsync);
        Map("GET", "/auth/{system}/callback", pages.FinishAsync);

        void Map(string method, string path, RequestDelegate answer) =>
            routes.MapMethods(path, [method], http => AnswerAsync(http, answer, log));
    }

    public override IEnumerable<Command> Commands => [LoginCommand.Create()];

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
