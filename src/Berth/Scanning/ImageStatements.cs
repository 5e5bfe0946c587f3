using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Sbom;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>
/// What documents that come with an image say of its vulnerabilities (VEX), if somebody who is trusted there signed
/// them. It comes before what the data says: whoever makes an image knows what it uses.
/// </summary>
internal sealed class ImageStatements
{
    /// <summary>Of an image: the last that were said. What is left out was said before.</summary>
    private const int MaxStatements = 20_000;

    /// <summary>Of an image: characters of these.</summary>
    private const long MaxChars = 4 << 20;

    /// <summary>Of a vulnerability: each may be compared with each package that has it.</summary>
    private const int MaxOfName = 500;

    private readonly IReadOnlyList<FoundStatement> statements;
    private readonly ILookup<string, Stated> byName;

    /// <param name="statements">The last first.</param>
    private ImageStatements(IReadOnlyList<FoundStatement> statements)
    {
        this.statements = statements;
        byName = statements.Select((one, place) => new Stated(one, place)).SelectMany(
            one => one.Found.Said.Names.Split(' '), (one, name) => (one, name))
            .GroupBy(pair => pair.name, StringComparer.Ordinal).SelectMany(group => group.Take(MaxOfName))
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

    /// <summary>What is said of an image.</summary>
    /// <param name="session">A read.</param>
    /// <param name="repository">Where it is.</param>
    /// <param name="repositoryId">The number of that.</param>
    /// <param name="image">Its manifest.</param>
    public static async ValueTask<ImageStatements> OfAsync(
        Session session, RepositoryName repository, long repositoryId, Digest image)
    {
        if (!await ImageStatementTable.IsAnyAsync(session, repositoryId)) return None;

        // The numbers first: a change in between makes what is found too old, and never too new.
        var state = await TrustTable.StateAsync(session, repository.Namespace);
        var found = await ImageStatementTable.FindAsync(
            session, repositoryId, image.Text, state.Kept, MaxStatements, MaxChars);
        return found.Count == 0 ? None : new ImageStatements(found);
    }

    /// <summary>What is said of packages in images, wherever these are. The statements of one image are in memory at a
    /// time.</summary>
    /// <param name="session">A read.</param>
    /// <param name="rows">The packages.</param>
    /// <param name="imageOf">The image that has one.</param>
    /// <param name="find">Finds what is said of one.</param>
    public static async ValueTask<Dictionary<T, FoundStatement>> FindAllAsync<T>(
        Session session, IEnumerable<T> rows, Func<T, (string Repository, Digest Image)> imageOf,
        Func<ImageStatements, T, FoundStatement?> find)
        where T : notnull
    {
        var all = new Dictionary<T, FoundStatement>();
        foreach (var group in rows.GroupBy(imageOf))
        {
            var repository = RepositoryName.Parse(group.Key.Repository);
            if (await RepositoryTable.FindAsync(session, repository) is not { } id) continue;
            var statements = await OfAsync(session, repository, id, group.Key.Image);
            if (statements.IsEmpty) continue;
            foreach (var row in group)
            {
                if (find(statements, row) is { } said) all[row] = said;
            }
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
        return system is null && PackageTypes.IsOfDistribution(package.Type)
            ? null : PurlName.Parse(PackageUrl.Of(PackageMatching.PackageOf(package), system));
    }

    /// <summary>A statement.</summary>
    /// <param name="Found">The statement.</param>
    /// <param name="Place">Its place among all: the first was said last.</param>
    private sealed record Stated(FoundStatement Found, int Place)
    {
        private List<PurlName>? purls;
        private bool? isWholeImage;

        public bool IsWholeImage => isWholeImage ??= Packages.Contains(ImageStatementTable.WholeImage);

        /// <summary>What it says of this image.</summary>
        private IEnumerable<string> Packages => Found.Said.Purls.Split('\n')
            .Where(one => Found.IsDirect
                || !one.StartsWith(ImageStatementTable.OfImageItself, StringComparison.Ordinal))
            .Select(one => one.StartsWith(ImageStatementTable.OfImageItself, StringComparison.Ordinal)
                ? one[ImageStatementTable.OfImageItself.Length..] : one);

        public bool IsAbout(PurlName package)
        {
            purls ??= [.. Packages.Select(PurlName.Parse).OfType<PurlName>().Where(IsForThisMachine)];
            return purls.Exists(one => one.Includes(package));
        }

        /// <summary>Of an index, which of its images are for a machine is not known here.</summary>
        private bool IsForThisMachine(PurlName purl) => Found.IsDirect
            || purl.Qualifiers.GetValueOrDefault("arch") is null or "src" or "noarch" or "all";
    }
}
