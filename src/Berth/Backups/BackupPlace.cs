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

/// <summary>Somebody else writes to the place.</summary>
internal sealed class PlaceInUseException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>Nothing was ever backed up to a place.</summary>
internal sealed class NoBackupsException(string message) : IOException(message);

/// <summary>
/// Where backups lie, a folder or a bucket:
/// <code>
/// berth.backup                says that it is such a place
/// berth.registry              the mark of the registry whose backups these are
/// backups/20261126T030000Z    the manifest of a backup, written last
/// blobs/sha256/ab/abcdef…     what the backups need, each once: blobs, lists of blobs, metadata
/// </code>
/// </summary>
internal abstract class BackupPlace : IAsyncDisposable
{
    private const string MarkerKey = "berth.backup";
    private const string MarkerText = "berth backup ";
    private const string OwnerKey = "berth.registry";
    private const string Manifests = "backups/";
    private const string NameFormat = "yyyyMMdd'T'HHmmss'Z'";
    private const int MostBytes = 64 * 1024;

    /// <summary>Its location, for messages.</summary>
    public abstract string Name { get; }

    public abstract IBlobStore Blobs { get; }

    /// <summary>A folder for files on their way, with room for the metadata.</summary>
    public abstract string WorkFolder { get; }

    /// <summary>
    /// Opens a place by its name: a folder, <c>s3://bucket/prefix</c>, or <c>azure://account/container/prefix</c>.
    /// </summary>
    /// <param name="place">Its name.</param>
    /// <param name="storage">How to reach a bucket, if the registry has one too.</param>
    /// <param name="mayCreate">Whether an empty folder or bucket becomes such a place.</param>
    /// <param name="log">Gets failures of a bucket.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">There is something else.</exception>
    /// <exception cref="NoBackupsException">There is nothing, and it may not become such a place.</exception>
    /// <exception cref="IOException">It does not answer.</exception>
    public static async Task<BackupPlace> OpenAsync(
        string place, StorageSettings storage, bool mayCreate, ILogger<ObjectBlobStore> log,
        CancellationToken cancellation)
    {
        AbandonedWork.Remove(Path.GetTempPath(), TimeProvider.System);
        BackupPlace opened = BackupSettings.IsBucket(place)
            ? BackupBucket.Open(place, storage, TimeProvider.System, log) : new BackupFolder(Path.GetFullPath(place));
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
        BackupSettings.IsBucket(place) ? place.TrimEnd('/') : Path.GetFullPath(place);

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

        return InOrder(found);
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

    /// <summary>Adds a backup as the newest one. Everything that it names is there already.</summary>
    public async Task<FoundBackup> AddAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        var latest = (await FindAllAsync(cancellation)).Max(one => one.Manifest?.Sequence) ?? 0;
        manifest = manifest with { Sequence = latest + 1 };

        // One a second is enough for everybody but tests.
        for (var time = manifest.StartedAt; ; time += TimeSpan.FromSeconds(1))
        {
            var name = time.UtcDateTime.ToString(NameFormat, CultureInfo.InvariantCulture);
            if (await ReadAsync(Manifests + name, MostBytes, cancellation) is not null) continue;
            RequireStillAlone();
            await WriteAsync(Manifests + name, manifest.Write(), cancellation);
            return new FoundBackup(name, manifest, Fault: null);
        }
    }

    /// <summary>Removes a backup, but not what it needs: others may need it too.</summary>
    public Task RemoveAsync(string name, CancellationToken cancellation)
    {
        RequireStillAlone();
        return DeleteAsync(Manifests + name, cancellation);
    }

    /// <summary>
    /// Makes sure that the backups here are a registry's own, before it adds to them or removes any: another one would
    /// remove them as its old ones. Called under the lock.
    /// </summary>
    /// <param name="registry">The registry's mark.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">They are another's.</exception>
    public async Task RequireOwnerAsync(string registry, CancellationToken cancellation)
    {
        var owner = await FindOwnerAsync(cancellation);
        if (owner is null)
        {
            await OwnAsync(registry, cancellation);
            return;
        }

        if (owner == registry) return;
        throw new InvalidDataException(
            $"the backups in {Name} are those of another registry: its mark is {owner}, and this one's is {registry}. "
            + "Name another place; or, if this registry has taken the place of that one, run `berth backup adopt` "
            + "(docs/backup.md)");
    }

    /// <summary>The mark of the registry whose backups these are; null if there are none yet.</summary>
    public async Task<string?> FindOwnerAsync(CancellationToken cancellation)
    {
        if (await ReadAsync(OwnerKey, MostBytes, cancellation) is { } owner)
            return Encoding.UTF8.GetString(owner).Trim();
        return (await FindAllAsync(cancellation)).Find(one => one.Manifest?.Registry is not null)?.Manifest!.Registry;
    }

    /// <summary>Makes the place a registry's, whoever's it was. Called under the lock.</summary>
    public Task OwnAsync(string registry, CancellationToken cancellation)
    {
        RequireStillAlone();
        return WriteAsync(OwnerKey, Encoding.UTF8.GetBytes(registry + "\n"), cancellation);
    }

    /// <summary>Runs work while nobody else writes here.</summary>
    /// <exception cref="PlaceInUseException">Somebody else does.</exception>
    /// <exception cref="IOException">The lock was lost meanwhile.</exception>
    public abstract Task<T> RunAloneAsync<T>(
        Func<CancellationToken, Task<T>> work, CancellationToken cancellation);

    /// <summary>
    /// Called within <see cref="RunAloneAsync"/> before each deletion, and before what makes a backup count: a process
    /// that was suspended for a while may have lost the lock unseen.
    /// </summary>
    /// <exception cref="IOException">The lock was lost.</exception>
    public abstract void RequireStillAlone();

    public abstract ValueTask DisposeAsync();

    protected abstract Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation);

    protected abstract Task WriteAsync(string key, byte[] content, CancellationToken cancellation);

    protected abstract Task DeleteAsync(string key, CancellationToken cancellation);

    /// <summary>All keys under a prefix; none that anybody may have put there, such as <c>lost+found</c>.</summary>
    protected abstract IAsyncEnumerable<string> ListAsync(string under, CancellationToken cancellation);

    /// <summary>Called once it is known to be, or to become, such a place.</summary>
    protected abstract void Begin(bool mayCreate);

    /// <summary>The newest first. What can't be read has its place by its name.</summary>
    private static List<FoundBackup> InOrder(List<FoundBackup> byName)
    {
        var highest = 0L;
        var placed = new List<(FoundBackup Backup, long Sequence)>();
        foreach (var backup in Enumerable.Reverse(byName))
        {
            highest = Math.Max(highest, backup.Manifest?.Sequence ?? 0);
            placed.Add((backup, backup.Manifest?.Sequence ?? highest));
        }

        return [.. placed.OrderByDescending(one => one.Sequence)
            .ThenByDescending(one => one.Backup.Name, StringComparer.Ordinal).Select(one => one.Backup)];
    }

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

        if (!mayCreate) throw new NoBackupsException($"there are no backups in {Name}");
        Begin(mayCreate);
        await WriteAsync(
            MarkerKey, Encoding.UTF8.GetBytes($"{MarkerText}{BackupManifest.KnownFormat}\n"), cancellation);
    }
}
