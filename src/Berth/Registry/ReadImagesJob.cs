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
        while (true)
        {
            var page = await database.ReadAsync(
                session => ManifestTable.WithoutFactsAsync(session, PerPage), cancellation);
            var facts = new List<(string Digest, ImageFacts Facts)>();
            foreach (var (digest, mediaType, body) in page)
                facts.Add((digest, await ReadAsync(digest, mediaType, body, cancellation)));
            await database.WriteAsync(
                async session =>
                {
                    await ManifestTable.SetFactsAsync(session, facts);
                    return true;
                },
                isDurable: false, cancellation);
            if (page.Count < PerPage) return;
        }
    }

    private async ValueTask<ImageFacts> ReadAsync(
        string digest, string mediaType, byte[] body, CancellationToken cancellation)
    {
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
    }
}
