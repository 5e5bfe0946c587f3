using System.Collections.Concurrent;
using System.Text;
using Berth.Blobs;
using Berth.Hosting;
using Berth.Settings;
using Berth.Tests.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests;

/// <summary>
/// The real registry in this process, or in one of its own (<see cref="TestEngines.IsProgram"/>): the whole pipeline
/// with Kestrel on a free loopback port, over a temporary folder of its own. The folder goes away with the object.
/// </summary>
internal sealed class RegistryFixture : IAsyncDisposable
{
    private readonly string folder;
    private readonly Func<RegistrySettings, RegistrySettings>? configure;
    private readonly TimeProvider? clock;
    private readonly RecordedLog log = new();
    private readonly RecordedOutput output = new();
    private PostgresDatabase? database;
    private WebApplication? app;
    private ProgramRegistry? program;

    private RegistryFixture(Func<RegistrySettings, RegistrySettings>? configure, TimeProvider? clock)
    {
        (this.configure, this.clock) = (configure, clock);
        folder = Directory.CreateTempSubdirectory("berth-test-").FullName;
        DataFolder = Path.Combine(folder, "data");
    }

    /// <summary>Where this registry keeps everything. It outlives <see cref="RestartAsync"/>.</summary>
    public string DataFolder { get; }

    /// <summary>A client of this registry that shows each answer as it came. A restart brings another one.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>The root of the registry, with a slash at the end. A restart may change the port.</summary>
    public Uri BaseAddress { get; private set; } = null!;

    /// <summary>The parts of the running registry. Tests that ask for them are <see cref="InsideAttribute"/>.</summary>
    public IServiceProvider Services => app?.Services
        ?? throw new InvalidOperationException("The registry is a process of its own: mark the test with [Inside].");

    /// <summary>Everything logged so far, over all starts.</summary>
    public IReadOnlyList<string> Log => TestEngines.IsProgram ? ProgramRegistry.LogOf(Output) : [.. log.Lines];

    /// <summary>What the registry wrote to its output so far, over all starts.</summary>
    public string Output => output.Text;

    /// <summary>The database as other programs find it by their environment; empty where it is a file.</summary>
    public IReadOnlyDictionary<string, string> DatabaseVariables =>
        database?.Variables ?? new Dictionary<string, string>();

    /// <summary>The settings of database and store, by the names they have in the environment.</summary>
    public IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>(
        DatabaseVariables.Concat(Bucket?.Variables ?? new Dictionary<string, string>()))
    {
        ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataFolder,
    };

    /// <summary>Where blobs lie, if not in the data folder.</summary>
    public StoreBucket? Bucket { get; private set; }

    /// <summary>A registry over a folder, whatever the others of this run have.</summary>
    public static Task<RegistryFixture> StartOnFilesAsync(
        Func<RegistrySettings, RegistrySettings>? configure = null) => StartAsync(configure, store: null);

    /// <summary>A registry over a bucket, whatever the others of this run have.</summary>
    public static Task<RegistryFixture> StartOnS3Async(
        Func<RegistrySettings, RegistrySettings>? configure = null) => StartAsync(configure, "s3");

    /// <summary>A registry over a bucket of a kind, <c>s3</c> or <c>azure</c>.</summary>
    public static Task<RegistryFixture> StartOnAsync(
        string store, Func<RegistrySettings, RegistrySettings>? configure = null) => StartAsync(configure, store);

    /// <param name="configure">Changes the settings; the address and the stores are set before it runs.</param>
    /// <param name="clock">What the time is for the registry; null: what it is. A process of its own has no other.
    /// </param>
    public static Task<RegistryFixture> StartAsync(
        Func<RegistrySettings, RegistrySettings>? configure = null, TimeProvider? clock = null) =>
        StartAsync(configure, TestEngines.Store, clock);

    private static async Task<RegistryFixture> StartAsync(
        Func<RegistrySettings, RegistrySettings>? configure, string? store, TimeProvider? clock = null)
    {
        var fixture = new RegistryFixture(configure, clock);
        try
        {
            if (store is not null) fixture.Bucket = await TestEngines.CreateBucketAsync(store);
            if (TestEngines.IsPostgres) fixture.database = await PostgresServer.CreateMigratedDatabaseAsync();
            await fixture.OpenAsync();
            return fixture;
        }
        catch
        {
            await fixture.RemoveAsync();
            throw;
        }
    }

    /// <summary>Length in bytes of everything stored under a folder of the blob store, such as uploads.</summary>
    public async Task<IReadOnlyList<long>> StoredAsync(string under)
    {
        if (Bucket is not null) return await Bucket.LengthsAsync(under + "/");
        var path = Path.Combine(DataFolder, under);
        return !Directory.Exists(path) ? [] :
            [.. new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories)
                .Where(f => f.Name != "berth.probe").Select(f => f.Length)];
    }

    /// <summary>Whether part of an unfinished upload has arrived.</summary>
    public async Task<bool> IsReceivingAsync() =>
        app?.Services.GetRequiredService<IBlobStore>() is ObjectBlobStore store
            ? store.Memory.FreeBytes < new S3Settings().UploadMemoryBytes
            : await StoredAsync("uploads") is [> 0, ..];

    /// <summary>Stops the registry in order. What it keeps stays until the object is disposed.</summary>
    public async Task StopAsync()
    {
        await CloseAsync();
        (app, program) = (null, null);
    }

    /// <summary>Stops the registry in order and starts it on the same folder.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await RemoveAsync();
        log.Dispose();
    }

    private async Task RemoveAsync()
    {
        Directory.Delete(folder, recursive: true);
        if (database is not null) await database.DisposeAsync();
        if (Bucket is not null) await Bucket.DisposeAsync();
    }

    private async Task OpenAsync()
    {
        var settings = new RegistrySettings();
        settings = settings with
        {
            Http = settings.Http with { Addr = "127.0.0.1:0", DrainTimeout = TimeSpan.FromSeconds(5) },
            Storage = settings.Storage with { Filesystem = new FilesystemSettings { RootDirectory = DataFolder } },
        };
        if (database is not null) settings = settings with { Database = TestEngines.SettingsOf(database) };
        if (Bucket is not null) settings = settings with { Storage = InBucket(settings.Storage) };
        settings = configure?.Invoke(settings) ?? settings;
        if (settings is { Database: { Host: null, Path: null }, Storage.InMemory: null }
            && settings.Storage.Filesystem.RootDirectory == DataFolder && !Directory.Exists(DataFolder))
        {
            await MigratedFile.CreateInAsync(DataFolder);
        }

        BaseAddress = TestEngines.IsProgram ? await OpenProgramAsync(settings) : await OpenInsideAsync(settings);
        Client = new HttpClient(
            new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false })
        {
            BaseAddress = BaseAddress,
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    private async Task<Uri> OpenInsideAsync(RegistrySettings settings)
    {
        app = await RegistryHost.BuildAsync(settings, output, clock);
        app.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return new Uri(addresses.Addresses.Single() + "/");
    }

    private async Task<Uri> OpenProgramAsync(RegistrySettings settings)
    {
        program = await ProgramRegistry.StartAsync(folder, settings, output);
        return program.BaseAddress;
    }

    /// <summary>Blobs in the bucket, and no redirects to it: the tests that mean those ask for them.</summary>
    private StorageSettings InBucket(StorageSettings storage) =>
        Bucket!.In(storage) with { Redirect = new RedirectSettings { Disable = true } };

    private async Task CloseAsync()
    {
        Client.Dispose();
        if (program is not null) await program.DisposeAsync();
        if (app is null) return;
        await app.StopAsync();
        await app.DisposeAsync();
    }

    private sealed class RecordedOutput : MemoryStream
    {
        private readonly Lock writing = new();

        public string Text
        {
            get
            {
                lock (writing) return Encoding.UTF8.GetString(ToArray());
            }
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            lock (writing) base.Write(buffer);
        }
    }

    private sealed class RecordedLog : ILoggerProvider
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => new Recorder(Lines, categoryName);

        public void Dispose() => Lines.Clear();
    }

    private sealed class Recorder(ConcurrentQueue<string> lines, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)} {exception}".TrimEnd());
    }
}
