using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Packages;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>
/// Compares the packages that images have with what is known of vulnerabilities: each package once, however many images
/// have it, and no layer is read. Then it counts what images have.
/// </summary>
internal sealed partial class PackageMatching(
    Database database, TimeProvider clock, ILogger<PackageMatching> log)
{
    /// <summary>So many packages are written at once: others wait for that.</summary>
    private const int PackagesPerWrite = 100;

    private const int ImagesPerWrite = 100;

    /// <summary>The kernel of a distribution has thousands in each of its packages.</summary>
    private const int FindingsPerWrite = 2000;

    /// <summary>Compares packages that were not compared with this data.</summary>
    /// <param name="file">What is known.</param>
    /// <param name="number">The number that it has here.</param>
    /// <param name="pace">Rests between the parts of the work.</param>
    /// <param name="cancellation">Stops; what was compared stays.</param>
    /// <returns>Whether all could be compared: no for those of ecosystems that came after the data.</returns>
    public async Task<bool> MatchAsync(
        VulnerabilityFile file, long number, Pace pace, CancellationToken cancellation)
    {
        var isAll = true;
        var known = file.Ecosystems.ToHashSet(StringComparer.Ordinal);
        if (!await database.ReadAsync(session => FindingTable.IsAnyDueAsync(session, number), cancellation))
            return true;
        for (var last = 0L; ;)
        {
            var due = await database.ReadAsync(
                session => FindingTable.DueAsync(session, number, last, PackagesPerWrite), cancellation);
            var comparable = due.Where(one => NamesOf(one.Key).All(name => IsKnown(name.Ecosystem))).ToList();
            isAll &= comparable.Count == due.Count;
            await MatchAsync(file, number, comparable, cancellation);
            if (due.Count < PackagesPerWrite) return isAll;
            last = due[^1].Id;
            await pace.RestAsync(cancellation);
        }

        // There can't be anything about what has no name that can be asked for.
        bool IsKnown(string ecosystem) => Ecosystems.Normalize(ecosystem) is not { } name || known.Contains(name);
    }

    /// <summary>Forgets packages that no image has any more.</summary>
    public async Task RemoveUnusedAsync(CancellationToken cancellation)
    {
        for (long? last = 0; last is { } from;)
        {
            last = await database.WriteAsync(
                session => FindingTable.RemoveUnusedAsync(session, from, PackagesPerWrite), isDurable: false,
                cancellation);
        }
    }

    /// <summary>Counts the vulnerabilities of images of which something changed.</summary>
    public async Task CountAsync(Pace pace, CancellationToken cancellation)
    {
        for (var last = 0L; ;)
        {
            var from = last;
            var images = await database.ReadAsync(
                session => ImageFindingTable.UncountedAsync(session, from, ImagesPerWrite), cancellation);
            if (images.Count == 0) return;
            await database.WriteAsync(
                async session =>
                {
                    await ImageFindingTable.CountAsync(session, images, clock.GetUtcNow());
                    return true;
                },
                isDurable: false, cancellation);
            last = images[^1].Id;
            await pace.RestAsync(cancellation);
        }
    }

    /// <summary>The names that a package is looked up by; none if nothing is known of its kind or distribution.
    /// </summary>
    public static IEnumerable<OsvName> NamesOf(PackageKey key) =>
        OsvName.Of(PackageOf(key), key.Ecosystem.Length > 0 ? key.Ecosystem : null);

    /// <summary>The package, as far as the table has it.</summary>
    public static Package PackageOf(PackageKey key) =>
        new(key.Type, key.Name, key.Version)
        {
            Source = key.Source.Length > 0 ? key.Source : null,
            SourceVersion = key.SourceVersion,
            Module = key.Module.Length > 0 ? key.Module : null,
        };

    /// <summary>Compares some packages. One that can't be compared must not keep the others from it.</summary>
    private async Task MatchAsync(
        VulnerabilityFile file, long number, IReadOnlyList<PackageRow> packages, CancellationToken cancellation)
    {
        var (some, size) = (new Dictionary<long, PackageFindings>(), 0);
        foreach (var package in packages)
        {
            PackageFindings found;
            try
            {
                found = PackageFindings.Find(file, package.Key, clock.GetUtcNow());
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException
                or OverflowException)
            {
                LogFailure(package.Key.Type, package.Key.Name, package.Key.Version, e);
                found = PackageFindings.None;
            }

            some[package.Id] = found;
            size += found.Findings.Count;
            if (size < FindingsPerWrite) continue;
            await WriteAsync(some, number, cancellation);
            (some, size) = ([], 0);
        }

        if (some.Count > 0) await WriteAsync(some, number, cancellation);
    }

    private async Task WriteAsync(
        Dictionary<long, PackageFindings> found, long number, CancellationToken cancellation)
    {
        var noted = await database.ReadAsync(session => FindingTable.OfAsync(session, found.Keys), cancellation);
        var changes = found.Select(one => one.Value.ChangeOf(one.Key, noted[one.Key])).ToList();
        var vulnerabilities = found.Values.SelectMany(one => one.Vulnerabilities)
            .GroupBy(one => one.Name, StringComparer.Ordinal).Select(PackageFindings.Merge).ToList();
        await database.WriteAsync(
            async session =>
            {
                await FindingTable.NoteAsync(session, vulnerabilities);
                await FindingTable.ChangeAsync(session, changes, found.Keys, number);
                return true;
            },
            isDurable: false, cancellation);
    }

    [LoggerMessage(
        Level = LogLevel.Error, Message = "Package {Type} {Name} {Version} can't be compared with vulnerabilities")]
    private partial void LogFailure(string type, string name, string version, Exception exception);
}
