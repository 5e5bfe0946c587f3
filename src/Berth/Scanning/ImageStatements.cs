using Berth.Metadata;
using Berth.Oci;
using Berth.Sbom;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>
/// What documents that come with an image say of its vulnerabilities (VEX), if somebody who is trusted there signed
/// them. It comes before what the data says: whoever makes an image knows what it uses.
/// </summary>
internal sealed class ImageStatements
{
    /// <summary>Of the images that are asked about at once: the last that were said. What is left out was said before.
    /// </summary>
    private const int MaxStatements = 20_000;

    private readonly IReadOnlyList<FoundStatement> statements;
    private readonly ILookup<string, Stated> byName;

    /// <param name="statements">The last first.</param>
    private ImageStatements(IReadOnlyList<FoundStatement> statements)
    {
        this.statements = statements;
        byName = statements.Select((one, place) => new Stated(one, place)).SelectMany(
            one => one.Found.Said.Names.Split(' '), (one, name) => (one, name))
            .ToLookup(pair => pair.name, pair => pair.one, StringComparer.Ordinal);
    }

    public static ImageStatements None { get; } = new([]);

    /// <summary>The names of all vulnerabilities that something is said of, in capitals.</summary>
    public IEnumerable<string> Names => byName.Select(group => group.Key);

    public bool IsEmpty => statements.Count == 0;

    /// <summary>Whether one says that something does count.</summary>
    public bool HasAffected => statements.Any(one => one.Said.Vex.Length == 0);

    /// <summary>Whether one says that something does not count.</summary>
    public bool HasUnaffected => statements.Any(one => one.Said.Vex.Length > 0);

    /// <summary>Those that are signed by whom the registry trusts, or a namespace.</summary>
    /// <param name="space">The namespace; null: the registry alone counts.</param>
    public ImageStatements TrustedIn(string? space) => statements.All(one => IsTrusted(one, space))
        ? this : new ImageStatements([.. statements.Where(one => IsTrusted(one, space))]);

    /// <summary>What is said of images, by their digests.</summary>
    /// <param name="session">A read.</param>
    /// <param name="repository">Where.</param>
    /// <param name="repositoryId">The number of that.</param>
    /// <param name="images">Their manifests.</param>
    public static async ValueTask<Dictionary<string, ImageStatements>> OfAsync(
        Session session, RepositoryName repository, long repositoryId, IEnumerable<string> images)
    {
        // The numbers first: a change in between makes what is found too old, and never too new.
        var state = await TrustTable.StateAsync(session, repository.Namespace);
        var found = await ImageStatementTable.FindAsync(session, repositoryId, images, state.Kept, MaxStatements);
        return found.GroupBy(one => one.Image).ToDictionary(
            group => group.Key, group => new ImageStatements([.. group]), StringComparer.Ordinal);
    }

    /// <summary>What is said of an image.</summary>
    public static async ValueTask<ImageStatements> OfAsync(
        Session session, RepositoryName repository, long repositoryId, Digest image) =>
        (await OfAsync(session, repository, repositoryId, [image.Text])).GetValueOrDefault(image.Text) ?? None;

    /// <summary>What is said of images of several repositories.</summary>
    public static async ValueTask<Dictionary<(string Repository, string Image), ImageStatements>> OfAllAsync(
        Session session, IEnumerable<(string Repository, string Image)> images)
    {
        var all = new Dictionary<(string, string), ImageStatements>();
        foreach (var group in images.Distinct().GroupBy(one => one.Repository, one => one.Image))
        {
            var repository = RepositoryName.Parse(group.Key);
            if (await RepositoryTable.FindAsync(session, repository) is not { } id) continue;
            foreach (var (image, said) in await OfAsync(session, repository, id, group)) all[(group.Key, image)] = said;
        }

        return all;
    }

    /// <summary>A finding with what is said of it.</summary>
    public ImageFindingRow Apply(ImageFindingRow row)
    {
        var names = row.Vulnerability.Aliases.Split(' ').Append(row.Vulnerability.Name);
        return Find(row.Key, names.Append(row.Finding.Record)) is not { } said ? row : row with
        {
            Finding = row.Finding with { Vex = said.Said.Vex, VexReason = said.Said.Reason },
            Stated = said,
        };
    }

    /// <summary>What was said last of a vulnerability of a package; null if nothing was.</summary>
    /// <param name="package">The package.</param>
    /// <param name="names">The names of the vulnerability.</param>
    public FoundStatement? Find(PackageKey package, IEnumerable<string> names)
    {
        if (IsEmpty) return null;
        PurlName? purl = null;
        var isKnown = false;
        foreach (var one in names.SelectMany(name => byName[name.ToUpperInvariant()]).OrderBy(one => one.Place))
        {
            if (one.IsWholeImage) return one.Found;
            if (!isKnown) (purl, isKnown) = (PurlOf(package), true);
            if (purl is not null && one.IsAbout(purl)) return one.Found;
        }

        return null;
    }

    private static bool IsTrusted(FoundStatement one, string? space) =>
        one.TrustedIn.Length == 0 || one.TrustedIn == space;

    /// <summary>What one distribution says of its own packages does not hold for others.</summary>
    private static PurlName? PurlOf(PackageKey package)
    {
        var system = package.Ecosystem.Length > 0 ? Ecosystems.SystemOf(package.Ecosystem) : null;
        return system is null && package.Type is "deb" or "apk" or "rpm"
            ? null : PurlName.Parse(PackageUrl.Of(PackageMatching.PackageOf(package), system));
    }

    /// <summary>A statement.</summary>
    /// <param name="Found">The statement.</param>
    /// <param name="Place">Its place among all: the first was said last.</param>
    private sealed record Stated(FoundStatement Found, int Place)
    {
        private List<PurlName>? purls;

        public bool IsWholeImage => Found.Said.Purls.Split('\n').Contains(ImageStatementTable.WholeImage);

        public bool IsAbout(PurlName package)
        {
            purls ??=
            [
                .. Found.Said.Purls.Split('\n').Select(PurlName.Parse).OfType<PurlName>().Where(IsForThisMachine),
            ];
            return purls.Exists(one => one.Includes(package));
        }

        /// <summary>Of an index, which of its images are for a machine is not known here.</summary>
        private bool IsForThisMachine(PurlName purl) => Found.IsDirect
            || purl.Qualifiers.GetValueOrDefault("arch") is null or "src" or "noarch" or "all";
    }
}
