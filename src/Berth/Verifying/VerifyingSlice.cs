using System.CommandLine;
using Berth.Blobs;
using Berth.Cli;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Verifying;

/// <summary>Verifies the signatures beside images in the background.</summary>
internal sealed class VerifyingSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<RegistryTrust>().AddSingleton<StatementChecking>()
            .AddSingleton(provider => new SignatureChecking(
                provider.GetRequiredService<Database>(), provider.GetRequiredService<ManifestTable>(),
                provider.GetRequiredService<IBlobStore>(), provider.GetRequiredService<RegistryTrust>(),
                provider.GetRequiredService<StatementChecking>(), settings.Http,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<SignatureChecking>>()))
            .AddSingleton<Job, VerifySignaturesJob>();
    }

    public override IEnumerable<Command> Commands => [TrustCommand.Create(), TrustCommand.CreateVerify()];
}
