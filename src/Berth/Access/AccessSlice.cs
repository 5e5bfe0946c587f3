using Berth.Audit;
using Berth.Distribution;
using Berth.Identity;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Access;

/// <summary>Sign-in, the rules of who may do what, and tokens.</summary>
internal sealed class AccessSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var auth = settings.Auth ?? new AuthSettings();
        services.AddSingleton<KnownRights>().AddSingleton<AccessChanges>().AddSingleton<OfficialNames>()
            .AddSingleton<MovedRepositories>();
        services.AddSingleton(provider => new NewNamespaces(
            settings.Repositories, provider.GetRequiredService<AvailableNames>(),
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessChanges>(),
            provider.GetRequiredService<AuditLog>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new AccessRules(
            settings.Auth, new SettingsRules(settings.Access), provider.GetRequiredService<KnownRights>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new TokenKeys(
            provider.GetRequiredService<Database>(), auth.TokenKeyAge, LongestUseOf(auth, settings.Scanners),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new AccessTokens(
            provider.GetRequiredService<TokenKeys>(), auth, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new RateLimits(
            settings.RateLimits, provider.GetRequiredService<TimeProvider>()));
        AddIdentity(services, auth);
        services.AddSingleton<TokenEndpoint>();

        // Nobody's rights change with tokens that have ended, so no node need be told.
        services.AddSingleton<Job>(provider => new TrimJob(
            "trim-tokens", provider.GetRequiredService<Database>(), auth.KeepExpiredTokens, TokenTable.TrimAsync,
            provider.GetRequiredService<TimeProvider>()));
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        services.AddHostedService(provider => provider.GetRequiredService<TokenUses>());
        if (settings.Auth is not { Local: { Enabled: true } local }) return;
        services.AddSingleton(provider => new FirstAdministrator(
            local, provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessChanges>(),
            provider.GetRequiredService<LocalUsers>(), provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<FirstAdministrator>>()));
        services.AddHostedService(provider => provider.GetRequiredService<FirstAdministrator>());
    }

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        if (settings.Auth is not { HasUsers: true, Token: null }) return;
        var endpoint = routes.ServiceProvider.GetRequiredService<TokenEndpoint>();
        routes.Map(TokenEndpoint.Path, endpoint.HandleAsync);
        routes.MapMethods(TokenEndpoint.KeysPath, ["GET", "HEAD"], endpoint.AnswerKeysAsync);
        routes.MapMethods(TokenEndpoint.CertificatesPath, ["GET", "HEAD"], endpoint.AnswerCertificatesAsync);
    }

    /// <summary>How long a token may be of use.</summary>
    private static TimeSpan LongestUseOf(AuthSettings auth, IReadOnlyList<ScannerSettings> scanners)
    {
        var usual = auth.TokenLifetime + auth.UploadTokenGrace;
        return scanners.Count > 0 && usual < ScannerSettings.LongestScan ? ScannerSettings.LongestScan : usual;
    }

    private static void AddDirectory(IServiceCollection services, LdapSettings settings)
    {
        services.AddSingleton(provider => new LdapDirectory(
            settings, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LdapDirectory>>()));
        services.AddSingleton(provider => new DirectoryUsers(
            settings, provider.GetRequiredService<LdapDirectory>(), provider.GetRequiredService<ExternalAccounts>(),
            provider.GetRequiredService<FailedSignIns>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<DirectoryUsers>>()));
    }

    private static void AddIdentity(IServiceCollection services, AuthSettings auth)
    {
        services.AddSingleton(provider => new PasswordChecks(
            auth.PasswordChecks, provider.GetRequiredService<FailedSignIns>(),
            provider.GetRequiredService<TimeProvider>()));
        if (auth.Htpasswd is { } users)
        {
            services.AddSingleton(provider => new HtpasswdFile(
                users.Path, provider.GetRequiredService<PasswordChecks>(), provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<HtpasswdFile>>()));
        }

        if (auth.Keyless is { } keyless)
        {
            services.AddSingleton<StoredKeylessRules>();
            services.AddSingleton(provider => new KeylessTokens(
                keyless, provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<KeylessTokens>>(),
                provider.GetRequiredService<StoredKeylessRules>()));
        }

        if (auth.Token is { } issuer)
        {
            services.AddSingleton(provider => new TrustedTokens(
                issuer, provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<TrustedTokens>>()));
        }

        if (auth.Ldap is { } ldap) AddDirectory(services, ldap);
        services.AddSingleton(provider => new ExternalAccounts(
            auth.Link, provider.GetRequiredService<AvailableNames>(), provider.GetRequiredService<Database>(),
            provider.GetRequiredService<AccessChanges>(), provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ExternalAccounts>>()));
        services.AddSingleton(provider => new LocalUsers(
            auth.Local, provider.GetRequiredService<KnownRights>(), provider.GetRequiredService<PasswordChecks>()));
        services.AddSingleton(provider => new FailedSignIns(
            auth.FailedSignIns, provider.GetRequiredService<TimeProvider>(), sparesNewNetworks: true));
        services.AddSingleton(provider => new CertificateUsers(
            auth.ClientCertificate, provider.GetService<HtpasswdFile>(),
            provider.GetRequiredService<KnownRights>()));
        services.AddSingleton<TokenUses>().AddSingleton<SecretTokens>().AddSingleton<RememberedCallers>();
        services.AddSingleton(auth.FailedSignIns).AddSingleton<RefusedSignIns>().AddSingleton<AcceptedSignIns>();
        services.AddSingleton(provider => new RefreshTokens(
            provider.GetRequiredService<Database>(), auth.RefreshTokenLifetime,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new SignIn(
            auth, provider.GetService<HtpasswdFile>(), provider.GetRequiredService<LocalUsers>(),
            provider.GetRequiredService<SecretTokens>(), provider.GetRequiredService<AccessTokens>(),
            provider.GetService<TrustedTokens>(), provider.GetService<KeylessTokens>(),
            provider.GetService<DirectoryUsers>(),
            provider.GetRequiredService<CertificateUsers>(), provider.GetRequiredService<BrowserSessions>(),
            provider.GetRequiredService<BrowserCookies>(), provider.GetRequiredService<FailedSignIns>(),
            provider.GetRequiredService<AccessVersion>(), provider.GetRequiredService<RememberedCallers>(),
            provider.GetRequiredService<RefusedSignIns>(), provider.GetRequiredService<AcceptedSignIns>()));
    }
}
