using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Sbom;

/// <summary>A format that bills of materials are written in.</summary>
internal abstract class SbomFormat
{
    /// <summary>So much is written before it goes out.</summary>
    private const int FlushBytes = 64 << 10;

    private static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        NewLine = "\n",

        // What is written is sent as a file, never as part of a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>That of Berth, which made the bill.</summary>
    protected static string Version { get; } = typeof(SbomFormat).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>All formats, by the names that people ask for.</summary>
    public static IReadOnlyList<SbomFormat> All { get; } = [new SpdxFormat(), new CycloneDxFormat()];

    /// <summary>Its name, as other tools have it, too.</summary>
    public abstract string Name { get; }

    public abstract string MediaType { get; }

    /// <summary>What names of such files end with.</summary>
    public abstract string Suffix { get; }

    /// <summary>Null if there is none of that name.</summary>
    public static SbomFormat? Find(string name) => All.FirstOrDefault(one => one.Name == name);

    /// <summary>What the bill of materials of an image is called as a file.</summary>
    public string FileNameOf(RepositoryName repository, Digest image) =>
        $"{repository.Text.Replace('/', '-')}-{image.Hex[..12]}{Suffix}";

    /// <summary>Writes the bill of materials of an image.</summary>
    /// <param name="subject">The image.</param>
    /// <param name="installed">What is in it.</param>
    /// <param name="output">Takes it, piece by piece.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task WriteAsync(
        SbomSubject subject, InstalledPackages installed, Stream output, CancellationToken cancellation)
    {
        await using var json = new Utf8JsonWriter(output, Options);
        foreach (var _ in Write(json, subject, installed, [.. SbomEntry.ListOf(installed)]))
        {
            if (json.BytesPending > FlushBytes) await json.FlushAsync(cancellation);
        }

        await json.FlushAsync(cancellation);
    }

    /// <summary>Writes it, and stops between its entries for what was written to go out.</summary>
    protected abstract IEnumerable<SbomEntry> Write(
        Utf8JsonWriter json, SbomSubject subject, InstalledPackages installed, IReadOnlyList<SbomEntry> entries);
}
