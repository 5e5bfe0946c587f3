using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Signatures;
using Berth.Vulnerabilities;

namespace Berth.Verifying;

/// <summary>What a document says that was verified, or why that does not count.</summary>
internal sealed record ReadStatements(IReadOnlyList<ImageStatementRow> Rows, string? Fault)
{
    public static ReadStatements Failed(string fault) =>
        new([], $"what it says of vulnerabilities does not count: {fault}");
}

/// <summary>
/// Reads what documents beside images say of their vulnerabilities: OpenVEX, also as what an attestation says, and
/// CSAF. A document counts whole or not at all: what is left out could be what takes something back.
/// </summary>
internal static class StatementReader
{
    /// <summary>A document about all parts of a large image has less than one.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>Of a document: an image with the headers of a kernel has some 5,000 findings.</summary>
    internal const int MaxStatements = 5_000;

    /// <summary>What is kept of an artifact: a row for each statement and each image that it names.</summary>
    internal const int MaxRows = 20_000;

    /// <summary>The characters of all these rows: short names in a document may stand for long ones.</summary>
    internal const int MaxChars = 4 << 20;

    /// <summary>Of a document: how often its statements name a package of an image.</summary>
    private const int MaxPurls = 50_000;

    private const int MaxName = 256;
    private const int MaxPurl = 2_000;
    private const int MaxReason = 300;
    private const int MaxLayers = 32;

    /// <summary>The layers of an artifact that may be such documents.</summary>
    public static IReadOnlyList<Descriptor> LayersOf(ImageOutline artifact)
    {
        var whole = IsNamed(artifact.Manifest?.ArtifactType) || IsNamed(ArtifactKind.PredicateOf(artifact.Annotations));
        return
        [
            .. artifact.Layers.Where(layer => !SignatureLayer.IsSignature(layer.MediaType)
                && (whole || IsNamed(layer.MediaType))).Take(MaxLayers),
        ];
    }

    /// <summary>Whether an attestation says something of vulnerabilities that is read here.</summary>
    public static bool IsStatement(string? predicateType) => IsNamed(predicateType);

    /// <param name="json">The document, or the statement that has it.</param>
    /// <param name="repository">Where it is, with the host if that is known.</param>
    /// <param name="now">The time: nothing is said later.</param>
    public static ReadStatements Read(ReadOnlyMemory<byte> json, string repository, DateTimeOffset now)
    {
        if (json.Length > MaxBytes) return ReadStatements.Failed($"it has more than {MaxBytes >> 20} MiB");
        try
        {
            using var document = JsonData.Parse(json);
            var kind = JsonData.KindOf(document.RootElement);
            if (kind is not (JsonDataKind.OpenVex or JsonDataKind.InToto or JsonDataKind.Csaf))
                return ReadStatements.Failed("it is no VEX");
            return Read(VexReader.Read(kind, document.RootElement), repository, now);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or FormatException
            or UriFormatException or ArgumentException)
        {
            // No JSON, another one, or text in it that is not valid Unicode.
            return ReadStatements.Failed(e is InvalidDataException ? $"it {e.Message}" : "it can't be read");
        }
    }

    private static ReadStatements Read(
        IEnumerable<VexStatement> statements, string repository, DateTimeOffset now)
    {
        var rows = new List<ImageStatementRow>();
        var (count, purls, chars) = (0, 0, 0L);
        foreach (var statement in statements)
        {
            count++;
            var names = string.Join(' ', statement.Aliases.Prepend(statement.Vulnerability)
                .Where(name => name.Length <= MaxName && name.All(c => c is > ' ' and <= '~'))
                .Select(name => name.ToUpperInvariant()).Distinct());
            if (names.Length == 0) continue;
            var saidAt = statement.Timestamp ?? DateTimeOffset.UnixEpoch;
            foreach (var (about, packages) in PackagesOf(statement, repository, ref purls))
            {
                var row = new ImageStatementRow(
                    about, names, string.Join('\n', packages), WordOf(statement.Status),
                    PlainText.Of(ReasonOf(statement), MaxReason),
                    (saidAt < now ? saidAt : now).ToUnixTimeMilliseconds());
                chars += row.Chars;
                rows.Add(row);
            }

            if (count > MaxStatements || rows.Count > MaxRows || chars > MaxChars)
                return ReadStatements.Failed($"it has more than {MaxStatements} statements, or these are too long");
        }

        return count > 0 && rows.Count == 0
            ? ReadStatements.Failed("it names no image, and no package by a package URL")
            : new ReadStatements(rows, null);
    }

    /// <summary>The images that a statement names, and the packages in each; an empty name is whatever image the
    /// document comes with.</summary>
    /// <param name="statement">The statement.</param>
    /// <param name="repository">Where its document is.</param>
    /// <param name="purls">How many packages the document has named so far.</param>
    /// <exception cref="InvalidDataException">They are too many.</exception>
    private static Dictionary<string, HashSet<string>> PackagesOf(
        VexStatement statement, string repository, ref int purls)
    {
        var found = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var (image, package) in statement.Products.SelectMany(product => PackagesOf(product, repository)))
        {
            if (++purls > MaxPurls) throw new InvalidDataException($"names more than {MaxPurls} packages");
            if (!found.TryGetValue(image, out var known))
                found[image] = known = new HashSet<string>(StringComparer.Ordinal);
            known.Add(package);
        }

        return found;
    }

    private static IEnumerable<(string Image, string Package)> PackagesOf(VexProduct product, string repository)
    {
        var images = VexMatch.ImagesOf(product.Product, [repository])
            .Where(image => image.Length == 0 || Digest.TryParse(image, out _)).ToList();

        // What it says of the image for one machine does not hold for the others of an index.
        var start = VexMatch.IsForOneMachine(product.Product) ? ImageStatementTable.OfImageItself : "";
        var isWhole = product.Subcomponents.Count == 0;
        var packages = isWhole ? [ImageStatementTable.WholeImage]
            : product.Subcomponents.SelectMany(one => one.Purls).Where(IsPackage);
        foreach (var package in packages)
        {
            foreach (var image in images) yield return (image, start + package);
        }

        foreach (var package in isWhole ? product.Product.Purls.Where(IsPackage) : []) yield return ("", package);
    }

    private static bool IsPackage(string purl) => purl.Length <= MaxPurl && purl.All(c => c is > ' ' and <= '~')
        && PurlName.Parse(purl) is { Type: not ("oci" or "docker") };

    private static string WordOf(VexStatus status) => status switch
    {
        VexStatus.NotAffected => "not_affected",
        VexStatus.Fixed => "fixed",
        _ => "",
    };

    private static string ReasonOf(VexStatement statement) => string.Join(
        ": ", new[] { statement.Author, statement.Justification?.Replace('_', ' '), statement.Impact }
            .Where(one => one is { Length: > 0 }));

    private static bool IsNamed(string? type) => type is not null
        && (type.Contains("openvex", StringComparison.OrdinalIgnoreCase)
            || type.Contains("csaf", StringComparison.OrdinalIgnoreCase));
}
