using Berth.Hosting;
using Berth.Import;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Cli;

/// <summary>
/// A node that serves nobody: it runs what a command has asked for, as any node would. A data folder has only one node;
/// while a server uses it, there is no place for another, and the server does the work.
/// </summary>
internal sealed class LocalNode : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly IDisposable? folder;

    private LocalNode(WebApplication app, IDisposable? folder) => (this.app, this.folder) = (app, folder);

    /// <returns>Null if a server uses the data folder.</returns>
    /// <exception cref="InvalidDataException">There is no database, or its tables are of another version.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static async Task<LocalNode?> StartAsync(RegistrySettings settings, CancellationToken cancellation)
    {
        IDisposable? folder = null;
        if (DataFolder.IsNeeded(settings))
        {
            try
            {
                folder = DataFolder.HoldUsed(DataFolder.RootOf(settings));
            }
            catch (StartException)
            {
                return null;
            }
        }

        try
        {
            var app = Build(settings, await Database.OpenBesideAsync(
                settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System));
            await app.Services.GetRequiredService<StoreIdentity>().RequireAsync(mayWrite: false, cancellation);
            await app.StartAsync(cancellation);
            return new LocalNode(app, folder);
        }
        catch
        {
            folder?.Dispose();
            throw;
        }
    }

    /// <summary>The registry itself, for images that come over the network.</summary>
    /// <param name="actor">Who pushes.</param>
    public ImageSink SinkFor(string actor) =>
        new OwnImageSink(app.Services.GetRequiredService<ImportParts>(), actor);

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        folder?.Dispose();
    }

    private static WebApplication Build(RegistrySettings settings, Database database)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var services = builder.Services;
        services.AddSingleton<IServer, NoServer>();
        services.AddSingleton(settings).AddSingleton(settings.Storage).AddSingleton(settings.Limits)
            .AddSingleton(settings.Validation).AddSingleton(settings.Jobs).AddSingleton(TimeProvider.System);
        StorageParts.Add(
            services, settings, database, Path.GetFullPath(settings.Storage.Filesystem.RootDirectory));
        services.AddSingleton<JobTable>().AddSingleton(new JobClock(TimeProvider.System)).AddSingleton<JobRunner>();
        services.AddHostedService(provider => provider.GetRequiredService<JobRunner>());
        services.AddSingleton<StoreIdentity>();
        services.AddSingleton(settings.Storage.Maintenance.Gc).AddSingleton<GarbageCollector>()
            .AddSingleton<Job, RequestedCollectionJob>().AddSingleton<Job, RequestedRetentionJob>();
        services.AddSingleton<ManifestWriter>().AddSingleton<ImageInspection>();
        ImportSlice.AddJob(services);
        if (!settings.Storage.IsRemote) services.AddHostedService<BlobSettling>();
        return builder.Build();
    }

    private sealed class NoServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
