using System.CommandLine;
using Berth.Access;
using Berth.Audit;
using Berth.Cli;
using Berth.Contents;
using Berth.Distribution;
using Berth.Disk;
using Berth.Identity;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Berth.Verifying;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Berth.Api;

/// <summary>The REST API for accounts, rights and repositories, and the commands that speak it.</summary>
internal sealed class ApiSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        AddEndpoints(services, settings, isOperator: false);
        services.AddSingleton<ApiDocument>().AddSingleton<DockerSearch>();
        ApiDocument.AddTo(services, settings.Http);
    }

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        ApiRoutes.Map(routes);
        routes.ServiceProvider.GetRequiredService<DockerSearch>().Map(routes);
        var open = routes.MapGroup(ApiRoutes.Prefix).AnswersHead();
        open.MapGet("/openapi.json", http => http.RequestServices.GetRequiredService<ApiDocument>().AnswerAsync(http))
            .WithMetadata(new RequiredRight(ApiRight.Everyone));
        ApiExplorer.Map(open);
    }

    public override IEnumerable<Command> Commands =>
    [
        UserCommand.Create(), OrganizationCommand.Create(), TeamCommand.Create(), GrantCommand.Create(),
        TokenCommand.Create(), RobotCommand.Create(), RepositoryCommand.Create(), AccessCommand.Create(),
        StarsCommand.Create(),
        KeylessCommand.Create(), AuditCommand.Create(), InvitationCommand.Create(),
    ];

    /// <param name="services">Where to add them.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="isOperator">Whether all requests come from a command on this machine, which may do everything.
    /// </param>
    public static void AddEndpoints(IServiceCollection services, RegistrySettings settings, bool isOperator)
    {
        services.ConfigureHttpJsonOptions(options => ApiJson.Set(options.SerializerOptions));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddSingleton(provider => new ApiGate(
            isOperator ? null : provider.GetRequiredService<SignIn>, provider.GetRequiredService<AccessRules>(),
            provider.GetRequiredService<Database>(), settings.Auth, settings.Storage,
            provider.GetRequiredService<RateLimits>(), provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<ILogger<ApiGate>>()));
        services.AddSingleton(provider => new Ownership(
            new SettingsRules(settings.Access), provider.GetRequiredService<Database>()));
        services.AddSingleton(provider => new KeylessRuleEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessChanges>(),
            settings.Auth?.Keyless, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new SentTokenEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessRules>(),
            provider.GetRequiredService<AccessTokens>(), provider.GetService<KeylessTokens>,
            provider.GetService<TrustedTokens>, settings.Auth ?? new AuthSettings(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new AccessEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessRules>(),
            provider.GetRequiredService<Ownership>(), provider.GetService<HtpasswdFile>));
        AddImageEndpoints(services, settings);
        services.AddSingleton<NewPasswords>();
        services.AddSingleton(provider => new UserEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<AccessChanges>(),
            provider.GetRequiredService<NewPasswords>(), provider.GetService<HtpasswdFile>,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<MeEndpoints>().AddSingleton<PersonalTokenEndpoints>()
            .AddSingleton<SessionEndpoints>().AddSingleton<OrganizationEndpoints>().AddSingleton<TeamEndpoints>()
            .AddSingleton<CollectionEndpoints>().AddSingleton<GrantEndpoints>().AddSingleton<RobotEndpoints>()
            .AddSingleton<RepositoryListing>().AddSingleton<NamespaceEndpoints>().AddSingleton<ActivityEndpoints>()
            .AddSingleton<RepositoryEndpoints>().AddSingleton<WorkEndpoints>()
            .AddSingleton<StorageEndpoints>()
            .AddSingleton<AuditEndpoints>().AddSingleton<SecondFactorEndpoints>()
            .AddSingleton<InvitationEndpoints>().AddSingleton<TagEndpoints>()
            .AddSingleton<TrashEndpoints>().AddSingleton<TagRuleEndpoints>().AddSingleton<RetentionEndpoints>()
            .AddSingleton<PinEndpoints>().AddSingleton<ImportEndpoints>().AddSingleton<IdentityEndpoints>()
            .AddSingleton<BackupEndpoints>().AddSingleton<ScrubEndpoints>()
            .AddSingleton<SearchEndpoints>().AddSingleton<SearchRebuildEndpoints>()
            .AddSingleton<UsageEndpoints>().AddSingleton<QuotaEndpoints>().AddSingleton<StarEndpoints>()
            .AddSingleton<Promotions>().AddSingleton<PolicyPlanning>().AddSingleton<PolicyNotices>()
            .AddSingleton<PolicyEndpoints>()
            .AddSingleton<WaiverEndpoints>().AddSingleton<ImagePolicyEndpoints>()
            .AddSingleton<LayerHolderEndpoints>().AddSingleton<RepositoryAccessEndpoints>()
            .AddSingleton<StatisticsEndpoints>().AddSingleton<RepositoryCopyEndpoints>();
    }

    /// <summary>What is in images.</summary>
    private static void AddImageEndpoints(IServiceCollection services, RegistrySettings settings)
    {
        services.AddSingleton<MergedTrees>().AddSingleton<ImagePackages>();
        services.AddSingleton(provider => new BaseImages(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(),
            provider.GetRequiredService<ApiGate>(), settings.Limits));
        services.AddSingleton(provider => new IndexImages(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(), settings.Limits));
        services.AddSingleton(provider => new ImageEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(),
            provider.GetRequiredService<BlobTable>(), provider.GetRequiredService<ImageInspection>,
            provider.GetRequiredService<BaseImages>(), provider.GetRequiredService<IndexImages>(), settings.Limits));
        services.AddSingleton(provider => new ArtifactEndpoints(
            provider.GetRequiredService<ManifestTable>(), provider.GetRequiredService<BlobTable>(), settings.Limits,
            provider.GetService<FileReading>()));
        services.AddSingleton(provider => new ReferrerEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(),
            provider.GetRequiredService<BlobTable>(), provider.GetRequiredService<SignatureResults>(), settings.Limits,
            provider.GetService<FileReading>()));
        services.AddSingleton(provider => new ImageFiles(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(),
            provider.GetRequiredService<IndexImages>(), settings.Contents, settings.Limits,
            provider.GetRequiredService<TimeProvider>(), provider.GetService<LayerRequests>()));
        services.AddSingleton<SignatureEndpoints>().AddSingleton<TrustEndpoints>();
        services.AddSingleton<AttachedSboms>();
        services.AddSingleton<AskedImages>().TryAddSingleton(_ => new Spools(Path.GetTempPath()));
        services.AddSingleton(provider => new ImagePackageEndpoints(
            provider.GetRequiredService<AskedImages>(), provider.GetRequiredService<ImagePackages>(),
            provider.GetRequiredService<AttachedSboms>(), provider.GetRequiredService<Spools>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Locations>(),
            provider.GetService<FileReading>()));
        services.AddSingleton<BetterBaseImages>().AddSingleton<VulnerabilityChangeEndpoints>();
        services.AddSingleton(provider => new VulnerabilityNewsEndpoints(
            provider.GetRequiredService<RepositoryListing>(), provider.GetRequiredService<Database>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetService<FileReading>()));
        services.AddSingleton(provider => new ImageVulnerabilityEndpoints(
            provider.GetRequiredService<AskedImages>(), provider.GetRequiredService<ImageEndpoints>(),
            provider.GetRequiredService<BetterBaseImages>(), provider.GetRequiredService<Database>(), settings));
        services.AddSingleton(provider => new ScannerEndpoints(
            provider.GetRequiredService<AskedImages>(), provider.GetRequiredService<Database>(), settings));
        services.AddSingleton(provider => new VulnerabilitySearchEndpoints(
            provider.GetRequiredService<RepositoryListing>(), provider.GetRequiredService<Database>(), settings,
            provider.GetService<FileReading>()));
        services.AddSingleton(provider => new VulnerabilityDataEndpoints(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<JobTable>(),
            settings.Vulnerabilities));
        services.AddSingleton(provider => new PackageSearchEndpoints(
            provider.GetRequiredService<RepositoryListing>(), provider.GetRequiredService<Database>(),
            settings.Contents, provider.GetService<FileReading>()));
        services.AddSingleton(provider => new ImageFileEndpoints(
            provider.GetRequiredService<AskedImages>(), provider.GetRequiredService<MergedTrees>(),
            provider.GetRequiredService<ImagePackages>(), settings.Contents, provider.GetRequiredService<ApiGate>(),
            provider.GetService<FileReading>()));
        services.AddSingleton(provider => new LayerSearch(
            provider.GetRequiredService<Database>(), settings.Contents, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new FileSearchEndpoints(
            provider.GetRequiredService<LayerSearch>(), provider.GetRequiredService<RepositoryListing>(),
            provider.GetRequiredService<Database>(), provider.GetService<FileReading>()));
    }
}
