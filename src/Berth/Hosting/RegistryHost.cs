using Berth.Api;
using Berth.Blobs;
using Berth.Disk;
using Berth.Distribution;
using Berth.Identity;
using Berth.Lifecycle;
using Berth.Logging;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Berth.Telemetry;
using Berth.Transport;

namespace Berth.Hosting;

/// <summary>Puts the registry together from its settings.</summary>
internal static partial class RegistryHost
{
    /// <summary>How long a start waits for the store to say whose it is.</summary>
    private static readonly TimeSpan StorePatience = TimeSpan.FromSeconds(5);

    /// <param name="settings">Checked settings.</param>
    /// <param name="logOutput">Where the log goes; standard output if null.</param>
    /// <param name="clock">The time of all of it but the database; the machine's if null.</param>
    /// <exception cref="StartException">The settings ask for something that this machine does not offer.</exception>
    public static async Task<WebApplication> BuildAsync(
        RegistrySettings settings, Stream? logOutput = null, TimeProvider? clock = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        Listener.AddTo(builder.WebHost, settings);
        builder.Services.AddSingleton<StopSignals>()
            .AddSingleton<IHostLifetime>(provider => provider.GetRequiredService<StopSignals>());
        AddLogging(builder, settings.Log, logOutput);
        var folder = DataFolder.Open(settings);
        string? dropped;
        bool isReadOnly;
        try
        {
            var path = DataFolder.DatabasePathOf(settings);
            var isOnSqlite = settings.Database.Host is null;
            isReadOnly = isOnSqlite && PathAccess.IsOnReadOnlyFileSystem(Path.GetDirectoryName(path)!);
            dropped = isOnSqlite && !isReadOnly ? DroppedLog.SetAside(path, TimeProvider.System) : null;
            var database = isReadOnly
                ? await SqliteDatabase.OpenReadOnlyAsync(path)
                : await Database.OpenAsync(settings.Database, path, TimeProvider.System);
            if (TelemetrySlice.IsWanted(settings)) database = new MeasuredDatabase(database);
            AddRegistry(builder.Services, settings, folder, database, clock ?? TimeProvider.System);
        }
        catch
        {
            folder?.Dispose();
            throw;
        }

        var app = builder.Build();
        try
        {
            if (dropped is not null) LogDropped(app.Logger, dropped);
            Prepare(app, settings);
            await RequireOwnStoreAsync(app, isReadOnly);
            return app;
        }
        catch
        {
            // A service that nothing has resolved yet would not be disposed.
            _ = app.Services.GetService<DataFolder>();
            _ = app.Services.GetRequiredService<Database>();
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until a signal arrives, then drains running requests.</summary>
    /// <param name="app">What <see cref="BuildAsync"/> made.</param>
    /// <param name="console">Where a generated password is shown, this once and nowhere else.</param>
    /// <param name="settingsFile">The file that the settings come from, or null; for advice.</param>
    /// <param name="cancellation">Stops too.</param>
    public static async Task RunAsync(
        WebApplication app, TextWriter console, string? settingsFile, CancellationToken cancellation)
    {
        // A part that can't be created, such as a broken database, throws here: a host can't be stopped without its
        // parts.
        _ = app.Services.GetRequiredService<IEnumerable<IHostedService>>();
        try
        {
            await app.StartAsync(cancellation);
        }
        catch
        {
            // Some parts are already running: stop them cleanly. The administrator was made already, too.
            await app.StopAsync(CancellationToken.None);
            await ShowAdministratorAsync(app, console, settingsFile);
            throw;
        }

        await ShowAdministratorAsync(app, console, settingsFile);
        await WarmUp.RunAsync(app.Services);
        await app.WaitForShutdownAsync(cancellation);
    }

    private static async Task ShowAdministratorAsync(WebApplication app, TextWriter console, string? settingsFile)
    {
        if (app.Services.GetService<FirstAdministrator>()?.Made is not var (name, password)) return;
        var config = settingsFile is null ? "" : $" --config {settingsFile}";
        await console.WriteLineAsync(
            $"""

              The administrator's name is {name}, and the password {password}
              It is shown only this once. To set another: berth user password {name}{config}

            """);
    }

    private static void Prepare(WebApplication app, RegistrySettings settings)
    {
        // Services are disposed in the reverse order of their creation.
        _ = app.Services.GetRequiredService<LogSink>();
        _ = app.Services.GetService<TelemetryExport>();
        _ = app.Services.GetService<DataFolder>();
        _ = app.Services.GetRequiredService<Database>();
        var store = app.Services.GetRequiredService<IBlobStore>();
        Handle(app, settings);
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            var urls = string.Join(", ", app.Urls);
            LogStarted(app.Logger, Version, urls, store.Name);
        });
    }

    /// <summary>A store that is away does not keep the server from starting: it is checked once it is back.</summary>
    /// <exception cref="InvalidDataException">The store belongs to another database.</exception>
    private static async Task RequireOwnStoreAsync(WebApplication app, bool isDatabaseReadOnly)
    {
        var isFolderReadOnly = app.Services.GetService<DataFolder>() is { IsReadOnly: true };
        using var patience = new CancellationTokenSource(StorePatience, TimeProvider.System);
        try
        {
            await app.Services.GetRequiredService<StoreIdentity>().RequireAsync(
                mayWrite: !isDatabaseReadOnly && !isFolderReadOnly, patience.Token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            LogNotChecked(app.Logger, e.Message);
        }
    }

    private static string Version => typeof(RegistryHost).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>The pipeline of every request, from the outside in.</summary>
    private static void Handle(WebApplication app, RegistrySettings settings)
    {
        var services = app.Services;
        if (TelemetrySlice.IsWanted(settings))
            app.Use(next => new RequestMeter(next, settings.Http.Prefix).HandleAsync);
        if (settings.Http.TrustedProxies.Count > 0) app.Use(next => new Forwarding(next, settings.Http).HandleAsync);
        var hasRequestLog = !settings.Log.AccessLog.Disabled && settings.Log.Level >= LogLevelName.Info;
        app.Use(next => new RequestBoundary(
            next,
            new AnswerHeaders(settings.Http),
            hasRequestLog ? new RequestLog(services.GetRequiredService<LogSink>()) : null,
            settings.Limits,
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<RequestBoundary>>()).HandleAsync);
        if (Preflight.IsWanted(settings.Http)) app.Use(next => new Preflight(next).HandleAsync);
        if (settings.Http.Prefix != "/") app.Use(next => new PathPrefix(next, settings.Http).HandleAsync);
        app.Use(next => new HealthEndpoints(next, services.GetRequiredService<Readiness>()).HandleAsync);
        var api = services.GetRequiredService<DistributionApi>();
        app.Use(next => http => api.HandleAsync(http, next));
        app.Use(next => http =>
        {
            SentPath.KeepDots(http);
            return next(http);
        });
        app.UseRouting();
        app.Use(Pages.OrNotFound);
        Pages.Map(app);
        foreach (var slice in Slices.All) slice.Map(app, settings);
    }

    private static void AddLogging(WebApplicationBuilder builder, LogSettings settings, Stream? output)
    {
        builder.Services.AddSingleton(provider =>
            new LogSink(new LogFormat(settings, provider.GetRequiredService<TimeProvider>()), output));
        builder.Services.AddSingleton<ILoggerProvider, LineLoggers>().AddSingleton<ILoggerProvider, RefusalLog>();
        builder.Logging.SetMinimumLevel(settings.Level switch
        {
            LogLevelName.Error => LogLevel.Error,
            LogLevelName.Warn => LogLevel.Warning,
            LogLevelName.Info => LogLevel.Information,
            _ => LogLevel.Debug,
        });

        // The server's own messages per request, for which it would also start an Activity each time.
        builder.Logging.AddFilter("Microsoft", settings.Level == LogLevelName.Error ? LogLevel.Error : LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None)

            // Otherwise a client could fill the log with stack traces by violating HTTP/2.
            .AddFilter("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.Critical)
            .AddFilter<LineLoggers>(RefusalLog.Category, LogLevel.None)
            .AddFilter<RefusalLog>(RefusalLog.Category, settings.AccessLog.Disabled ? LogLevel.None : LogLevel.Debug);
    }

    private static void AddRegistry(
        IServiceCollection services, RegistrySettings settings, DataFolder? folder, Database database,
        TimeProvider clock)
    {
        services.AddSingleton(settings).AddSingleton(settings.Http).AddSingleton(settings.Storage)
            .AddSingleton(settings.Limits).AddSingleton(settings.Validation).AddSingleton(settings.Catalog)
            .AddSingleton(settings.Repositories);
        services.AddRoutingCore();
        services.AddSingleton(clock);
        if (folder is not null) services.AddSingleton(_ => folder);
        services.AddSingleton(new Spools(folder?.Root ?? Path.GetTempPath()));
        StorageParts.Add(services, settings, database, folder?.Root);
        if (!settings.Storage.IsRemote) services.AddHostedService<BlobSettling>();
        services.AddSingleton<ManifestWriter>().AddSingleton<ImageInspection>();
        services.AddSingleton<Locations>().AddSingleton<UploadPlaces>().AddSingleton<SmallBlobCache>()
            .AddSingleton<ManifestBodies>().AddSingleton<LargeAnswers>()
            .AddSingleton<BlobEndpoints>().AddSingleton<UploadEndpoints>().AddSingleton<ManifestEndpoints>()
            .AddSingleton<ListEndpoints>().AddSingleton<ExtensionEndpoints>().AddSingleton<AuditTrail>()
            .AddSingleton<DistributionApi>();
        services.AddSingleton<ServerCertificate>().AddSingleton<Readiness>().AddSingleton<PushGate>();
        services.AddSingleton(provider => new RegistryHealth(
            provider.GetRequiredService<Readiness>().FindProblemAsync,
            provider.GetRequiredService<Readiness>().FindWarning));
        services.AddSingleton<Redirection>();
        var isReadOnly = folder is { IsReadOnly: true };
        foreach (var slice in Slices.All)
        {
            slice.AddServices(services, settings);
            if (!isReadOnly) slice.AddWriters(services, settings);
        }

        services.AddHostedService<MemoryRelease>();
        if (folder is not null) services.AddHostedService<DataFolderWatch>();
        services.Configure<HostOptions>(o => o.ShutdownTimeout = settings.Http.DrainTimeout);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Dropped}")]
    private static partial void LogDropped(ILogger log, string dropped);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "Whether the store belongs to the database is checked once it answers: {Reason}")]
    private static partial void LogNotChecked(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Berth {Version} listens on {Urls}, data in {Store}")]
    private static partial void LogStarted(ILogger log, string version, string urls, string store);
}
