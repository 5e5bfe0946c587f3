using Berth.Jobs;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>What happens to uploads between requests: idle ones are closed, and abandoned ones removed.</summary>
internal sealed class UploadsSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.UploadPurging.Enabled || settings.Storage.IsShared)
        {
            services.AddSingleton<Job, PurgeUploadsJob>();
        }
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings) =>
        services.AddHostedService<UploadUpkeep>();
}
