using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A licence of packages in an image.</summary>
/// <param name="Expression">In the words of SPDX; empty: it is not known.</param>
/// <param name="Package">One of those that are under it, with its version.</param>
internal sealed record ImageLicense(string Expression, string Package);

/// <summary>What is known of an image's licences.</summary>
/// <param name="State">One of <see cref="ScanStates"/>.</param>
/// <param name="IsComplete">Whether all its layers could be read.</param>
/// <param name="LacksPackages">Whether its distribution has a list of packages, and it has none.</param>
/// <param name="Licenses">The licences, from the last time that it was looked into; null: it was not.</param>
internal sealed record ImageLicensesRow(
    string State, bool IsComplete, bool LacksPackages, IReadOnlyList<ImageLicense>? Licenses);

/// <summary>Which licences the packages of images are under.</summary>
internal static class ImageLicenseTable
{
    /// <summary>In place of licences that are too long, or too many, to be kept. No expression has spaces at its start.
    /// </summary>
    public const string TooLong = " ";

    /// <summary>What is known of an image; null if nobody looked into it.</summary>
    public static ValueTask<ImageLicensesRow?> FindAsync(Session session, Digest image) => session.FirstAsync(
        "SELECT state, is_complete, lacks_packages, licenses FROM image_scan WHERE digest = $1",
        row => new ImageLicensesRow(
            row.GetString(0), row.GetInt64(1) != 0, row.GetInt64(2) != 0,
            row.TextOrNull(3) is { } lines ? Read(lines) : null),
        image.Text);

    /// <summary>As the table has them: neither has control characters.</summary>
    public static string Write(IEnumerable<ImageLicense> licenses) =>
        string.Join('\n', licenses.Select(one => $"{one.Expression}\t{one.Package}"));

    private static List<ImageLicense> Read(string lines) =>
    [
        .. from line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)
           let tab = line.IndexOf('\t')
           where tab >= 0
           select new ImageLicense(line[..tab], line[(tab + 1)..]),
    ];
}
