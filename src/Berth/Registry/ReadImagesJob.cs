using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Reads what lists say of images that were stored without it: by an older version, or by a rebuild of the index.
/// </summary>
internal sealed class ReadImagesJob(Database database, ImageInspection inspection, LimitSettings limits) : Job
{
    private const int PerPage = 50;

    public override string Kind => "read-images";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(10));

    /// <summary>Indexes wait for their children, so another pass follows while one leads to another.</summary>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        while (await PassAsync(cancellation) is { Read: > 0, Waiting: > 0 })
        {
        }
    }

    private async Task<(int Read, int Waiting)> PassAsync(CancellationToken cancellation)
    {
        var (done, waiting) = (0, 0);
        for (var last = ""; ;)
        {
            var page = await database.ReadAsync(
                session => ManifestTable.WithoutFactsAsync(session, last, PerPage), cancellation);
            var read = new List<(string Digest, ImageFacts Facts)>();
            foreach (var one in page)
            {
                var (facts, mustWait) = await ReadAsync(one, cancellation);
                if (facts is not null) read.Add((one.Digest, facts));
                if (mustWait) waiting++;
            }

            await database.WriteAsync(
                async session =>
                {
                    await ManifestTable.SetFactsAsync(session, read);
                    return true;
                },
                isDurable: false, cancellation);
            done += read.Count;
            if (page.Count < PerPage) return (done, waiting);
            last = page[^1].Digest;
        }
    }

    /// <summary>
    /// No facts if it can't be read now: the next run tries again, and the next pass if it must wait.
    /// </summary>
    private async ValueTask<(ImageFacts? Facts, bool MustWait)> ReadAsync(
        UnreadManifest unread, CancellationToken cancellation)
    {
        if (unread.MediaType.Length == 0) return (null, false);
        try
        {
            var manifest = Manifest.Parse(unread.Body, unread.MediaType, limits.ReferencesPerManifest);
            var (facts, _) = await inspection.ReadAsync(
                Digest.Parse(unread.Digest), manifest, unread.Body, cancellation);

            // What only a repository tells is known when it is in one again.
            if (unread.RepositoryId is not { } id)
                return manifest.UnnamedChildren.Count + manifest.ForeignLayers.Count > 0 ? default : (facts, false);
            var whole = await database.ReadAsync(
                session => ImageTable.CompleteAsync(session, id, manifest, facts), cancellation);
            return (whole, whole is null);
        }
        catch (ManifestFormatException)
        {
            // Another version took it.
            return (ImageFacts.Unknown, false);
        }
        catch (IOException)
        {
            return default;
        }
    }
}
