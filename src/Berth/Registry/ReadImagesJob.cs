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

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        for (var last = ""; ;)
        {
            var page = await database.ReadAsync(
                session => ManifestTable.WithoutFactsAsync(session, last, PerPage), cancellation);
            var facts = new List<(string Digest, ImageFacts Facts)>();
            foreach (var (digest, mediaType, body) in page)
            {
                if (await ReadAsync(digest, mediaType, body, cancellation) is { } read) facts.Add((digest, read));
            }

            await database.WriteAsync(
                async session =>
                {
                    await ManifestTable.SetFactsAsync(session, facts);
                    return true;
                },
                isDurable: false, cancellation);
            if (page.Count < PerPage) return;
            last = page[^1].Digest;
        }
    }

    /// <summary>Null if it can't be read now: the next run tries again.</summary>
    private async ValueTask<ImageFacts?> ReadAsync(
        string digest, string mediaType, byte[] body, CancellationToken cancellation)
    {
        // On its way out: neither in a repository nor in the trash.
        if (mediaType.Length == 0) return null;
        try
        {
            var manifest = Manifest.Parse(body, mediaType, limits.ReferencesPerManifest);
            return (await inspection.ReadAsync(Digest.Parse(digest), manifest, body, cancellation)).Facts;
        }
        catch (ManifestFormatException)
        {
            // Another version took it.
            return ImageFacts.Unknown;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
