using Berth.Jobs;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>What is known of images besides their bytes.</summary>
internal sealed class ImagesSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings) =>
        services.AddSingleton<Job, ReadImagesJob>();
}
