using Berth.Blobs;
using Berth.Metadata;

namespace Berth.Backups;

/// <summary>
/// Whether a registry has what a backup has: each tag at its manifest, each manifest, each blob. What the registry has
/// besides is no difference.
/// </summary>
internal sealed class BackupComparison(
    BackupPlace place, BackupManifest manifest, Database database, IBlobStore store, string workFolder)
{
    private const int RowsPerPage = 500;
    private const int Parallel = 8;
    private const int NamedDifferences = 20;

    private const string Tags =
        "SELECT r.name, t.name, t.digest FROM tag t JOIN repository r ON r.id = t.repository_id";

    private const string Manifests =
        "SELECT r.name, t.digest, t.media_type FROM manifest t JOIN repository r ON r.id = t.repository_id";

    private readonly List<string> differences = [];
    private long differenceCount;

    public BackupProgress Progress { get; } = new();

    /// <summary>The first differences.</summary>
    public IReadOnlyList<string> Differences => differences;

    /// <returns>How many differences there are.</returns>
    /// <exception cref="InvalidDataException">The backup is damaged, or of a newer Berth.</exception>
    public async Task<long> RunAsync(CancellationToken cancellation)
    {
        Progress.BytesToDo = Math.Max(1, manifest.Bytes);
        Progress.Step = "Metadata";
        await using (var backup = await BackupMetadata.UnpackAsync(place, manifest, workFolder, cancellation))
        {
            await CompareAsync(backup.Database, Tags, "t.name", "tag {0}:{1}", cancellation);
            await CompareAsync(backup.Database, Manifests, "t.digest", "manifest {0}@{1}", cancellation);
        }

        Progress.Step = "Blobs";
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
        await System.Threading.Tasks.Parallel.ForEachAsync(
            BlobList.ReadAsync(place, manifest, cancellation), parallel, async (blob, stop) =>
            {
                if (await store.LengthOfAsync(blob.Digest, stop) == blob.Bytes) Progress.Add(blob.Bytes);
                else Differ($"blob {blob.Digest} is missing");
            });
        return differenceCount;
    }

    /// <summary>Both sides a page at a time, in the same order.</summary>
    private async Task CompareAsync(
        Database backup, string query, string key, string words, CancellationToken cancellation)
    {
        for (var last = (Name: "", Key: ""); ;)
        {
            var (name, after) = last;
            var page = await backup.ReadAsync(
                session => session.AllAsync(
                    $"{query} WHERE (r.name, {key}) > ($1, $2) ORDER BY r.name, {key} LIMIT $3",
                    row => (Name: row.GetString(0), Key: row.GetString(1), Value: row.GetString(2)),
                    name, after, RowsPerPage),
                cancellation);
            if (page.Count == 0) return;
            last = (page[^1].Name, page[^1].Key);
            var (lastName, lastKey) = last;
            var there = (await database.ReadAsync(
                session => session.AllAsync(
                    $"{query} WHERE (r.name, {key}) > ($1, $2) AND (r.name, {key}) <= ($3, $4)",
                    row => (Key: (row.GetString(0), row.GetString(1)), Value: row.GetString(2)),
                    name, after, lastName, lastKey),
                cancellation)).ToDictionary(row => row.Key, row => row.Value);
            foreach (var row in page)
            {
                var value = there.GetValueOrDefault((row.Name, row.Key));
                if (value == row.Value) continue;
                var what = string.Format(null, words, row.Name, row.Key);
                Differ(value is null ? $"{what} is missing" : $"{what} is {value}, and was {row.Value}");
            }
        }
    }

    private void Differ(string text)
    {
        lock (differences)
        {
            differenceCount++;
            if (differences.Count < NamedDifferences) differences.Add(text);
        }
    }
}
