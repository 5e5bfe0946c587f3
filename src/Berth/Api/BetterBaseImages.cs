using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;

namespace Berth.Api;

/// <summary>Finds out whether a newer image of the same base has fewer vulnerabilities.</summary>
internal sealed class BetterBaseImages(AskedImages images, Database database)
{
    /// <summary>The newest tags of the base's repository.</summary>
    private const int MaxAsked = 20;

    private const int MaxTags = 10;

    /// <param name="http">Who asks.</param>
    /// <param name="below">What the image was built on.</param>
    /// <param name="platform">Of which platform.</param>
    /// <returns>The best of the newest tags, if it is better than what the image was built on.</returns>
    public async Task<BetterBaseView?> FindAsync(HttpContext http, BaseImageView below, string? platform)
    {
        if (below is not { Repository: { } repository, Digest: { } digest, Layers: > 0 }) return null;
        if (await CountsAsync(http, repository, digest, platform) is not var (own, counts)) return null;
        var tags = await database.ReadAsync(
            session => ImageTable.NewestTagsAsync(session, repository, MaxAsked), http.RequestAborted);
        BetterBaseView? best = null;
        foreach (var tag in tags)
        {
            if (await CountsAsync(http, repository, tag, platform) is not var (image, better) || image == own
                || Weigh(better).CompareTo(Weigh(best is null ? counts : best.Counts)) >= 0)
            {
                continue;
            }

            best = new BetterBaseView(repository, image.Text, [tag], better, counts);
        }

        return best;
    }

    /// <summary>Worse ones count first, whatever there is of the others.</summary>
    private static (long Exploited, long Critical, long High, long Medium, long Low) Weigh(
        VulnerabilityCountsView counts) =>
        (counts.Exploited, counts.Critical, counts.High, counts.Medium, counts.Low);

    private async Task<(Digest Image, VulnerabilityCountsView Counts)?> CountsAsync(
        HttpContext http, string repository, string reference, string? platform)
    {
        var (image, _) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return null;
        var counts = await database.ReadAsync(
            async session =>
            {
                var row = await ImageFindingTable.FindAsync(session, image.Digest);
                return row is { State: ScanStates.Read, IsComplete: true, CountedAt: not null }
                    ? await StatedCounts.OfAsync(session, RepositoryName.Parse(repository), image.Digest, row) : null;
            },
            http.RequestAborted);
        return counts is null ? null : (image.Digest, VulnerabilityCountsView.Of(counts));
    }
}
