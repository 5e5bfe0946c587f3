using Berth.Jobs;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>The end of uploads that nobody goes on with.</summary>
internal sealed class UploadPurgingSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.UploadPurging.Enabled || settings.Storage.IsShared)
        {
            services.AddSingleton<Job, PurgeUploadsJob>();
        }
    }
}
