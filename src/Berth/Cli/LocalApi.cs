using Berth.Access;
using Berth.Api;
using Berth.Audit;
using Berth.Contents;
using Berth.Distribution;
using Berth.Hosting;
using Berth.Identity;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Hosting.Server;

namespace Berth.Cli;

/// <summary>What a command does if there is no database yet.</summary>
internal enum MissingDatabase
{
    /// <summary>It tells so.</summary>
    Refuse,

    /// <summary>It makes one.</summary>
    Create,

    /// <summary>It uses an empty one, which goes away with it: a dry run leaves nothing behind.</summary>
    Imagine,
}

/// <summary>A private folder that is removed in the end.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("berth-dry-run-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>
/// The API in this process, on the database where it lies, beside servers that may be using it. Whoever can open the
/// database can do everything already, so nobody signs in.
/// </summary>
internal sealed class LocalApi : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly IDisposable? folder;

    private LocalApi(WebApplication app, IDisposable? folder, LocalServer server, RegistrySettings settings) =>
        (this.app, this.folder, Server, Settings) = (app, folder, server, settings);

    public RegistrySettings Settings { get; }

    /// <summary>The way to it.</summary>
    public LocalServer Server { get; }

    /// <param name="settings">Where the database is.</param>
    /// <param name="missing">What is done if there is no database yet.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">There is no database, or its tables are of another version.</exception>
    /// <exception cref="StartException">The data folder is in use, or can't be used.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static async Task<LocalApi> OpenAsync(
        RegistrySettings settings, MissingDatabase missing, CancellationToken cancellation)
    {
        var path = DataFolder.DatabasePathOf(settings);
        var isNew = missing != MissingDatabase.Refuse && settings.Database.Host is null && !File.Exists(path);
        var scratch = isNew && missing == MissingDatabase.Imagine ? new ScratchFolder() : null;

        // A server that starts at the same time would make the database too.
        IDisposable? folder = scratch ?? (isNew ? DataFolder.Open(settings) : (IDisposable?)null);
        try
        {
            if (scratch is not null) path = Path.Combine(scratch.Path, "berth.db");
            var database = isNew
                ? await Database.OpenAsync(settings.Database, path, TimeProvider.System)
                : await Database.OpenBesideAsync(settings.Database, path, TimeProvider.System);
            var server = new LocalServer(LocalServer.AddressOf(settings.Http));
            var app = Build(settings, database, server);
            await app.StartAsync(cancellation);

            // From here on it is as if it had been there: a command may do work as a node, which takes the folder.
            if (scratch is not null || settings.Storage.InMemory is not null)
                return new LocalApi(app, folder, server, settings);
            folder?.Dispose();
            return new LocalApi(app, folder: null, server, settings);
        }
        catch
        {
            folder?.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await app.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(CancellationToken.None);
        await app.DisposeAsync();
        folder?.Dispose();
    }

    private static WebApplication Build(RegistrySettings settings, Database database, LocalServer server)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var services = builder.Services;
        services.AddSingleton<IServer>(server).AddSingleton<IHostLifetime, NoLifetime>();
        services.AddRoutingCore();
        services.AddSingleton(settings).AddSingleton(settings.Http).AddSingleton(settings.Storage)
            .AddSingleton(TimeProvider.System).AddSingleton<Locations>().AddSingleton<JobTable>()
            .AddSingleton<LayerRequests>()
            .AddSingleton(new JobClock(TimeProvider.System))
            .AddSingleton(settings.Storage.Maintenance.Gc).AddSingleton<GarbageEstimate>()
            .AddSingleton<Reclaimable>().AddSingleton<UsageTree>();
        StorageParts.AddMetadata(services, settings, database);

        // Opened for those few commands that need it.
        services.AddSingleton(_ => new SettingsStore(settings, mayCreate: false))
            .AddSingleton(provider => provider.GetRequiredService<SettingsStore>().Blobs)
            .AddSingleton<ImageInspection>();
        new AuditSlice().AddServices(services, settings);
        new AccessSlice().AddServices(services, settings);
        new SessionSlice().AddServices(services, settings);
        ApiSlice.AddEndpoints(services, settings, isOperator: true);
        var app = builder.Build();

        // What nothing has asked for would not be closed.
        _ = app.Services.GetRequiredService<Database>();
        ApiRoutes.Map(app);
        return app;
    }

    /// <summary>The command decides when it ends.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
