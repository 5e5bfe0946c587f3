using System.Security.Cryptography;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Backups;

/// <summary>
/// Backups in a bucket. Whoever writes has an object under <c>locks/</c>, which is written again all the time; the
/// store's own clock tells which of them still is.
/// </summary>
internal sealed class BackupBucket : BackupPlace
{
    private const string Locks = "locks/";
    private const int IdBytes = 16;

    private static readonly TimeSpan LockLife = TimeSpan.FromMinutes(2);

    private readonly ObjectStore objects;
    private readonly ObjectBlobStore blobs;
    private readonly TimeProvider clock;
    private readonly string work = Path.Combine(
        Path.GetTempPath(), $"berth-backup-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes))}");

    private RenewedLease? lease;

    private BackupBucket(ObjectStore objects, TimeProvider clock, ILogger<ObjectBlobStore> log)
    {
        (this.objects, this.clock) = (objects, clock);
        blobs = new ObjectBlobStore(objects, clock, log);
    }

    public override string Name => objects.Name;

    public override IBlobStore Blobs => blobs;

    public override string WorkFolder => work;

    /// <summary>Opens a bucket or a container by its name.</summary>
    /// <param name="place">Its name.</param>
    /// <param name="storage">How the registry's own is reached.</param>
    /// <param name="clock">The time, for the lock.</param>
    /// <param name="log">Gets its failures.</param>
    /// <exception cref="InvalidDataException">It is not the name of one.</exception>
    public static BackupBucket Open(
        string place, StorageSettings storage, TimeProvider clock, ILogger<ObjectBlobStore> log)
    {
        ObjectStore objects = place.StartsWith("azure://", StringComparison.Ordinal)
            ? new AzureObjects(AzureSettingsOf(place, storage), TimeProvider.System, log)
            : new S3Objects(S3SettingsOf(place, storage), TimeProvider.System, log);
        return new BackupBucket(objects, clock, log);
    }

    /// <summary>How to reach a bucket: as the registry's own, or as AWS's variables say.</summary>
    private static S3Settings S3SettingsOf(string place, StorageSettings storage)
    {
        if (UrlOf(place) is not { } url)
            throw new InvalidDataException($"'{place}' is not a bucket: write s3://bucket or s3://bucket/prefix");
        var known = storage.S3 ?? new S3Settings
        {
            Region = Variable("AWS_REGION") ?? Variable("AWS_DEFAULT_REGION") ?? "us-east-1",
            RegionEndpoint = Variable("AWS_ENDPOINT_URL_S3") ?? Variable("AWS_ENDPOINT_URL"),
        };
        return known with { Bucket = url.Host, RootDirectory = Uri.UnescapeDataString(url.AbsolutePath).Trim('/') };
    }

    /// <summary>
    /// How to reach a container: as the registry's own, if it is in the same account, or as the variables of Azure's
    /// command line say.
    /// </summary>
    private static AzureSettings AzureSettingsOf(string place, StorageSettings storage)
    {
        if (UrlOf(place) is not { } url
            || Uri.UnescapeDataString(url.AbsolutePath).Trim('/').Split('/', 2) is not [{ Length: > 0 }, ..] parts)
        {
            throw new InvalidDataException(
                $"'{place}' is not a container: write azure://account/container or azure://account/container/prefix");
        }

        var known = storage.Azure?.AccountName == url.Host ? storage.Azure : new AzureSettings
        {
            AccountName = url.Host,
            AccountKey = Variable("AZURE_STORAGE_KEY"),
            SasToken = Variable("AZURE_STORAGE_SAS_TOKEN"),
            ServiceUrl = Variable("AZURE_STORAGE_SERVICE_ENDPOINT"),
        };
        return known with { Container = parts[0], RootDirectory = parts.ElementAtOrDefault(1) ?? "" };
    }

    private static Uri? UrlOf(string place) =>
        Uri.TryCreate(place, UriKind.Absolute, out var url) && url.Host.Length > 0 && url.Query.Length == 0
            && url.UserInfo.Length == 0 ? url : null;

    public override async Task<T> RunAloneAsync<T>(
        Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        var key = Locks + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        await using var used = AbandonedWork.Hold(WorkFolder);
        var held = new RenewedLease(LockLife, clock);
        await WriteLockAsync(cancellation);
        try
        {
            await RequireAloneAsync(key, cancellation);
            lease = held;
            return await held.RunAsync(
                RenewAsync,
                async stop =>
                {
                    var done = await work(stop);
                    held.RequireHeld();
                    return done;
                },
                cancellation);
        }
        finally
        {
            lease = null;
            await objects.DeleteAsync(key, CancellationToken.None);
        }

        Task WriteLockAsync(CancellationToken stop) => WriteAsync(key, "held\n"u8.ToArray(), stop);

        // Whoever took the lock for abandoned has removed it.
        async Task RenewAsync(CancellationToken stop)
        {
            if (await objects.FindAsync(key, stop) is null)
                throw new LeaseLostException($"the lock of {Name} was taken over");
            await WriteLockAsync(stop);
        }
    }

    public override void RequireStillAlone() => lease?.RequireHeld();

    public override ValueTask DisposeAsync()
    {
        blobs.Dispose();
        if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        return ValueTask.CompletedTask;
    }

    protected override void Begin(bool mayCreate)
    {
        // A bucket has no folders.
    }

    protected override Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation) =>
        objects.ReadSmallAsync(key, mostBytes, cancellation);

    protected override async Task WriteAsync(string key, byte[] content, CancellationToken cancellation)
    {
        using var buffer = new PartBuffer();
        buffer.Append(content);
        await objects.PutAsync(key, buffer, cancellation);
    }

    protected override Task DeleteAsync(string key, CancellationToken cancellation) =>
        objects.DeleteAsync(key, cancellation);

    protected override IAsyncEnumerable<string> ListAsync(string under, CancellationToken cancellation) =>
        objects.ListAsync(under, cancellation).Select(found => found.Key);

    /// <summary>Two that begin at the same time both give way.</summary>
    private async Task RequireAloneAsync(string key, CancellationToken cancellation)
    {
        var locks = await objects.ListAsync(Locks, cancellation).ToListAsync(cancellation);
        var now = locks.Find(one => one.Key == key)?.WrittenAt ?? clock.GetUtcNow();
        foreach (var other in locks.Where(one => one.Key != key))
        {
            var age = now - other.WrittenAt;
            if (age < LockLife)
            {
                throw new PlaceInUseException(
                    $"another backup is being written to {Name}: wait until it has ended. If it was killed, it counts "
                    + $"as ended in {(LockLife - age).TotalSeconds:F0} seconds");
            }

            await objects.DeleteAsync(other.Key, cancellation);
        }
    }

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
