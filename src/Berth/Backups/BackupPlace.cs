using System.Globalization;
using System.Text;
using Berth.Blobs;
using Berth.Settings;

namespace Berth.Backups;

/// <summary>A backup as it was found.</summary>
/// <param name="Name">Its name, which is its time.</param>
/// <param name="Manifest">Null if it can't be read.</param>
/// <param name="Fault">Why not.</param>
internal sealed record FoundBackup(string Name, BackupManifest? Manifest, string? Fault);

/// <summary>
/// Where backups lie, a folder or a bucket:
/// <code>
/// berth.backup                says that it is such a place
/// backups/20261126T030000Z    the manifest of a backup, written last
/// blobs/sha256/ab/abcdef…     what the backups need, each once: blobs, lists of blobs, metadata
/// </code>
/// </summary>
internal abstract class BackupPlace : IAsyncDisposable
{
    private const string MarkerKey = "berth.backup";
    private const string MarkerText = "berth backup ";
    private const string Manifests = "backups/";
    private const string NameFormat = "yyyyMMdd'T'HHmmss'Z'";
    private const int MostBytes = 64 * 1024;

    /// <summary>Its location, for messages.</summary>
    public abstract string Name { get; }

    public abstract IBlobStore Blobs { get; }

    /// <summary>A folder for files on their way, with room for the metadata.</summary>
    public abstract string WorkFolder { get; }

    /// <summary>Opens a place by its name: a folder, or <c>s3://bucket/prefix</c>.</summary>
    /// <param name="place">Its name.</param>
    /// <param name="storage">How to reach a bucket, if the registry has one too.</param>
    /// <param name="mayCreate">Whether an empty folder or bucket becomes such a place.</param>
    /// <param name="log">Gets failures of a bucket.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">There is something else, or nothing.</exception>
    /// <exception cref="IOException">It does not answer.</exception>
    public static async Task<BackupPlace> OpenAsync(
        string place, StorageSettings storage, bool mayCreate, ILogger<ObjectBlobStore> log,
        CancellationToken cancellation)
    {
        BackupPlace opened = place.StartsWith("s3://", StringComparison.Ordinal)
            ? new BackupBucket(BackupBucket.SettingsOf(place, storage), log)
            : new BackupFolder(Path.GetFullPath(place));
        try
        {
            await opened.RequireOwnAsync(mayCreate, cancellation);
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    /// <summary>How <see cref="Name"/> writes a place, without opening it.</summary>
    public static string NameOf(string place) =>
        place.StartsWith("s3://", StringComparison.Ordinal) ? place.TrimEnd('/') : Path.GetFullPath(place);

    /// <summary>All backups, the newest first.</summary>
    public async Task<List<FoundBackup>> FindAllAsync(CancellationToken cancellation)
    {
        var names = new List<string>();
        await foreach (var key in ListAsync(Manifests, cancellation))
        {
            var name = key[Manifests.Length..];
            if (IsName(name)) names.Add(name);
        }

        var found = new List<FoundBackup>();
        foreach (var name in names.OrderDescending(StringComparer.Ordinal))
        {
            if (await FindAsync(name, cancellation) is { } backup) found.Add(backup);
        }

        return found;
    }

    /// <summary>A backup by its name; null if there is none.</summary>
    public async Task<FoundBackup?> FindAsync(string name, CancellationToken cancellation)
    {
        if (!IsName(name) || await ReadAsync(Manifests + name, MostBytes, cancellation) is not { } content)
            return null;
        try
        {
            return new FoundBackup(name, BackupManifest.Read(content), Fault: null);
        }
        catch (InvalidDataException e)
        {
            return new FoundBackup(name, Manifest: null, e.Message);
        }
    }

    /// <summary>Adds a backup. Everything that it names is there already.</summary>
    /// <returns>Its name.</returns>
    public async Task<string> AddAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        // One a second is enough for everybody but tests.
        for (var time = manifest.StartedAt; ; time += TimeSpan.FromSeconds(1))
        {
            var name = time.UtcDateTime.ToString(NameFormat, CultureInfo.InvariantCulture);
            if (await ReadAsync(Manifests + name, MostBytes, cancellation) is not null) continue;
            await WriteAsync(Manifests + name, manifest.Write(), cancellation);
            return name;
        }
    }

    /// <summary>Removes a backup, but not what it needs: others may need it too.</summary>
    public Task RemoveAsync(string name, CancellationToken cancellation) =>
        DeleteAsync(Manifests + name, cancellation);

    /// <summary>Runs work while nobody else writes here.</summary>
    /// <exception cref="InvalidDataException">Somebody else does.</exception>
    public abstract Task<T> RunAloneAsync<T>(
        Func<CancellationToken, Task<T>> work, CancellationToken cancellation);

    public abstract ValueTask DisposeAsync();

    protected abstract Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation);

    protected abstract Task WriteAsync(string key, byte[] content, CancellationToken cancellation);

    protected abstract Task DeleteAsync(string key, CancellationToken cancellation);

    /// <summary>All keys under a prefix; none that anybody may have put there, such as <c>lost+found</c>.</summary>
    protected abstract IAsyncEnumerable<string> ListAsync(string under, CancellationToken cancellation);

    /// <summary>Called once it is known to be, or to become, such a place.</summary>
    protected abstract void Begin(bool mayCreate);

    private static bool IsName(string name) => DateTimeOffset.TryParseExact(
        name, NameFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

    private async Task RequireOwnAsync(bool mayCreate, CancellationToken cancellation)
    {
        if (await ReadAsync(MarkerKey, MostBytes, cancellation) is { } marker)
        {
            var text = Encoding.UTF8.GetString(marker).Trim();
            if (!text.StartsWith(MarkerText, StringComparison.Ordinal)
                || !int.TryParse(text.AsSpan(MarkerText.Length), CultureInfo.InvariantCulture, out var format))
            {
                throw new InvalidDataException($"{MarkerKey} in {Name} is damaged: it should say {MarkerText}1");
            }

            if (format > BackupManifest.KnownFormat)
            {
                throw new InvalidDataException(
                    $"the backups in {Name} have format {format}, and this Berth only knows "
                    + $"{BackupManifest.KnownFormat}: run a newer Berth");
            }

            Begin(mayCreate);
            return;
        }

        if (await ListAsync("", cancellation).FirstOrDefaultAsync(cancellation) is { } other)
        {
            throw new InvalidDataException(
                $"{Name} holds something else than backups ({other}): name an empty place, or one with backups");
        }

        if (!mayCreate) throw new InvalidDataException($"there are no backups in {Name}");
        Begin(mayCreate);
        await WriteAsync(
            MarkerKey, Encoding.UTF8.GetBytes($"{MarkerText}{BackupManifest.KnownFormat}\n"), cancellation);
    }
}
