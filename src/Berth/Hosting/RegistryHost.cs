using System.Net;
using Berth.Access;
using Berth.Blobs;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;

namespace Berth.Hosting;

/// <summary>Puts the registry together from its settings.</summary>
internal static class RegistryHost
{
    public static WebApplication Build(RegistrySettings settings)
    {
        var folder = DataFolder.Open(settings);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseSockets(sockets => sockets.MaxWriteBufferSize = FileSending.TransportWriteBufferBytes);
        builder.WebHost.ConfigureKestrel(kestrel => Listener.Configure(kestrel, settings));
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, BlockPool>();
        AddRegistry(builder.Services, settings, folder);
        var app = builder.Build();
        app.Run(app.Services.GetRequiredService<DistributionApi>().HandleAsync);
        return app;
    }

    private static void AddRegistry(IServiceCollection services, RegistrySettings settings, DataFolder folder)
    {
        services.AddSingleton(settings).AddSingleton(settings.Http).AddSingleton(settings.Storage)
            .AddSingleton(settings.Limits).AddSingleton(settings.Validation).AddSingleton(settings.Catalog);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_ => folder);
        services.AddSingleton(_ => Database.Open(folder.DatabasePath));
        services.AddSingleton(_ => new AnswerCache(settings.Limits.ManifestCacheBytes));
        services.AddSingleton(_ => new FileBlobStore(folder.Root));
        services.AddSingleton<RepositoryTable>().AddSingleton<BlobTable>().AddSingleton<TagTable>()
            .AddSingleton<ManifestTable>().AddSingleton<UploadTable>()
            .AddSingleton<ManifestWriter>().AddSingleton<ManifestRemoval>();
        services.AddSingleton(provider => new AccessCheck(
            settings.Auth,
            settings.Auth?.Htpasswd is { } users ? new HtpasswdFile(users.Path, provider.GetRequiredService<TimeProvider>()) : null));
        services.AddSingleton<Locations>().AddSingleton<UploadSessions>().AddSingleton<BlobEndpoints>()
            .AddSingleton<UploadEndpoints>().AddSingleton<ManifestEndpoints>().AddSingleton<ListEndpoints>()
            .AddSingleton<DistributionApi>();
        services.AddHostedService<BlobSettling>().AddHostedService<UploadPurge>();
        services.Configure<HostOptions>(o => o.ShutdownTimeout = settings.Http.DrainTimeout);
    }
}
