using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>Finds the images that have some packages, as far as the caller may pull them.</summary>
internal static class PackageHolders
{
    /// <summary>How often in a row it looks for what the caller may see, before it says how far it came.</summary>
    private const int MaxRounds = 10;

    private const int MaxTags = 10;

    /// <summary>What is visible, from place to place, until there are enough; or where to go on.</summary>
    public static async Task<(List<PackageHolderRow> Found, string? Next)> FindAsync(
        Database database, IReadOnlyCollection<long> packages, VisiblePlaces places, PackageHolderRow? last, int count,
        CancellationToken cancellation)
    {
        var found = new List<PackageHolderRow>();
        for (var round = 0; packages.Count > 0 && found.Count < count; round++)
        {
            if (round == MaxRounds) return (found, TextOf(last!));
            var read = await database.ReadAsync(
                session => PackageSearchTable.HoldersAsync(session, packages, places.Places, last, count),
                cancellation);
            found.AddRange(read.Where(one => places.IsVisible(one.Repository, one.IsPublic)).Take(count - found.Count));
            if (read.Count < count) break;
            last = read[^1];
        }

        return (found, null);
    }

    /// <summary>Each with some of its tags.</summary>
    public static ValueTask<List<T>> ShowAsync<T>(
        Database database, List<PackageHolderRow> found, Func<PackageHolderRow, IReadOnlyList<string>, T> show,
        CancellationToken cancellation) => database.ReadAsync(
        async session =>
        {
            var items = new List<T>(found.Count);
            foreach (var one in found)
                items.Add(show(one, await ImageTable.TagsOfAsync(session, one.Repository, one.Image, MaxTags)));
            return items;
        },
        cancellation);

    /// <summary>Where a page ends.</summary>
    public static string TextOf(PackageHolderRow row) => $"{row.Repository} {row.Image.Text} {row.Package}";

    public static bool TryParse(string text, out PackageHolderRow? row)
    {
        row = null;
        if (text.Length == 0) return true;
        if (text.Split(' ') is not [var repository, var image, var package]
            || !Digest.TryParse(image, out var digest) || !long.TryParse(package, out var id))
        {
            return false;
        }

        row = new PackageHolderRow(repository, IsPublic: false, digest, id);
        return true;
    }
}
