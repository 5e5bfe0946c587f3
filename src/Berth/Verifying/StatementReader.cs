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

    /// <summary>Of a document. Each costs a row, and an image with the headers of a kernel has some 5,000 findings.
    /// </summary>
    internal const int MaxStatements = 5_000;

    /// <summary>Of a document: names of packages in all its statements.</summary>
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
    public static ReadStatements Read(ReadOnlyMemory<byte> json, string repository)
    {
        if (json.Length > MaxBytes) return ReadStatements.Failed($"it has more than {MaxBytes >> 20} MiB");
        try
        {
            using var document = JsonData.Parse(json);
            var kind = JsonData.KindOf(document.RootElement);
            if (kind is not (JsonDataKind.OpenVex or JsonDataKind.InToto or JsonDataKind.Csaf))
                return ReadStatements.Failed("it is no VEX");
            return Read(VexReader.Read(kind, document.RootElement), repository);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or FormatException
            or UriFormatException or ArgumentException)
        {
            // No JSON, another one, or text in it that is not valid Unicode.
            return ReadStatements.Failed(e is InvalidDataException ? $"it {e.Message}" : "it can't be read");
        }
    }

    private static ReadStatements Read(IEnumerable<VexStatement> statements, string repository)
    {
        var rows = new List<ImageStatementRow>();
        var purls = 0;
        foreach (var statement in statements)
        {
            var names = string.Join(' ', statement.Aliases.Prepend(statement.Vulnerability)
                .Where(name => name.Length <= MaxName && name.All(c => c is > ' ' and <= '~'))
                .Select(name => name.ToUpperInvariant()).Distinct());
            if (names.Length == 0) continue;
            foreach (var (about, packages) in PackagesOf(statement, repository))
            {
                purls += packages.Count;
                rows.Add(new ImageStatementRow(
                    about, names, string.Join('\n', packages), WordOf(statement.Status),
                    PlainText.Of(ReasonOf(statement), MaxReason),
                    (statement.Timestamp ?? DateTimeOffset.UnixEpoch).ToUnixTimeMilliseconds()));
            }

            if (rows.Count > MaxStatements || purls > MaxPurls)
                return ReadStatements.Failed($"it has more than {MaxStatements} statements, or {MaxPurls} packages");
        }

        return new ReadStatements(rows, null);
    }

    /// <summary>The images that a statement names, and the packages in each; an empty name is whatever image the
    /// document comes with.</summary>
    private static Dictionary<string, HashSet<string>> PackagesOf(VexStatement statement, string repository)
    {
        var found = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var product in statement.Products)
        {
            var images = VexMatch.ImagesOf(product.Product, [repository])
                .Where(image => image.Length == 0 || Digest.TryParse(image, out _)).ToList();
            var isWhole = product.Subcomponents.Count == 0;
            var packages = isWhole ? [ImageStatementTable.WholeImage]
                : product.Subcomponents.SelectMany(one => one.Purls).Where(IsPackage);
            foreach (var package in packages)
            {
                foreach (var image in images) Add(image, package);
            }

            foreach (var package in isWhole ? product.Product.Purls.Where(IsPackage) : []) Add("", package);
        }

        return found;

        void Add(string image, string package)
        {
            if (!found.TryGetValue(image, out var known))
                found[image] = known = new HashSet<string>(StringComparer.Ordinal);
            known.Add(package);
        }
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
