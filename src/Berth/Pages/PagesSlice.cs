using Berth.Identity;
using Berth.Settings;

namespace Berth.Pages;

/// <summary>The pages for people, at <c>/</c>: what is in the registry, and what may be done with it.</summary>
internal sealed class PagesSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings) =>
        services.AddSingleton<ThemeSwitch>().AddSingleton<IPageFrame, FormFrame>()
            .AddSingleton<SearchPages>().AddSingleton<HomePages>().AddSingleton<RepositoryPages>()
            .AddSingleton<NewRepositoryPages>().AddSingleton<RepositoryChangePages>().AddSingleton<TagChangePages>()
            .AddSingleton<ProfilePages>().AddSingleton<SignInSettings>().AddSingleton<TokenPages>()
            .AddSingleton<SessionsPages>().AddSingleton<OrganizationPages>().AddSingleton<TeamPages>()
            .AddSingleton<AccessPages>().AddSingleton<RobotPages>().AddSingleton<KeylessRulePages>()
            .AddSingleton<UserPages>().AddSingleton<InvitationPages>()
            .AddSingleton<WorkPages>().AddSingleton<GarbagePages>().AddSingleton<QuotaPages>()
            .AddSingleton<RulePages>().AddSingleton<PinPages>().AddSingleton<TrustPages>()
            .AddSingleton<PolicyPages>().AddSingleton<WaiverPages>()
            .AddSingleton<AuditPages>()
            .AddSingleton<ToolChoice>().AddSingleton<ImagePages>().AddSingleton<ImageFilePages>()
            .AddSingleton<ImagePackagePages>()
            .AddSingleton<ImageVulnerabilityPages>().AddSingleton<HolderSearchPages>()
            .AddSingleton<VulnerabilityDataPages>().AddSingleton<ImageScannerPages>();

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
        Assets.Map(routes);
        PageRoutes.Map(routes);
    }
}
