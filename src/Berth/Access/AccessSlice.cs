using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Access;

/// <summary>Sign-in, the rules of who may do what, and tokens.</summary>
internal sealed class AccessSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var auth = settings.Auth;
        services.AddSingleton(new AccessRules(auth));
        services.AddSingleton(provider => new PasswordChecks(
            (auth ?? new AuthSettings()).PasswordChecks, provider.GetRequiredService<TimeProvider>()));
        if (auth?.Htpasswd is { } users)
        {
            services.AddSingleton(provider => new HtpasswdFile(
                users.Path, provider.GetRequiredService<PasswordChecks>(), provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<HtpasswdFile>>()));
        }

        services.AddSingleton<SigningKeyTable>().AddSingleton<TokenEndpoint>();
        services.AddSingleton(provider => new AccessTokens(
            provider.GetRequiredService<SigningKeyTable>(), auth, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new SignIn(
            auth, provider.GetService<HtpasswdFile>(), provider.GetRequiredService<AccessTokens>(),
            provider.GetRequiredService<ILogger<SignIn>>()));
    }

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        if (settings.Auth?.Htpasswd is null) return;
        routes.Map(
            TokenEndpoint.Path, routes.ServiceProvider.GetRequiredService<TokenEndpoint>().HandleAsync);
    }
}
