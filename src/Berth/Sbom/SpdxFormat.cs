using System.Text.Json;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Sbom;

/// <summary>SPDX 2.3 in JSON: the image, which contains its packages.</summary>
internal sealed class SpdxFormat : SbomFormat
{
    private const string Document = "SPDXRef-DOCUMENT";
    private const string Image = "SPDXRef-Image";

    public override string Name => SbomDocument.Spdx;

    public override string MediaType => "application/spdx+json";

    public override string Suffix => ".spdx.json";

    protected override IEnumerable<SbomEntry> Write(
        Utf8JsonWriter json, SbomSubject subject, InstalledPackages installed, IReadOnlyList<SbomEntry> entries)
    {
        var others = new SortedDictionary<string, string>(StringComparer.Ordinal);
        json.WriteStartObject();
        WriteHead(json, subject, installed);
        json.WriteStartArray("packages");
        WriteImage(json, subject);
        foreach (var entry in entries)
        {
            WritePackage(json, entry, others);
            yield return entry;
        }

        json.WriteEndArray();
        WriteOtherLicenses(json, others);
        json.WriteStartArray("relationships");
        WriteRelationship(json, Document, "DESCRIBES", Image);
        foreach (var entry in entries)
        {
            WriteRelationship(json, Image, "CONTAINS", IdOf(entry));
            yield return entry;
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, SbomSubject subject, InstalledPackages installed)
    {
        json.WriteString("spdxVersion", "SPDX-2.3");
        json.WriteString("dataLicense", "CC0-1.0");
        json.WriteString("SPDXID", Document);
        json.WriteString("name", subject.Name);
        json.WriteString("documentNamespace", NamespaceOf(subject));
        json.WriteStartObject("creationInfo");
        json.WriteString("created", subject.Created);
        json.WriteStartArray("creators");
        json.WriteStringValue($"Tool: berth-{Version}");
        json.WriteEndArray();
        json.WriteEndObject();
        if (installed.Faults.Count > 0)
            json.WriteString("comment", $"Packages may be missing: {string.Join("; ", installed.Faults)}");
    }

    /// <summary>No two documents have the same (6.5).</summary>
    private static string NamespaceOf(SbomSubject subject) =>
        $"{subject.Scheme}://{subject.Host ?? "localhost"}/v2/{subject.Repository.Text}/manifests/{subject.Digest.Text}"
        + $"?spdx={subject.CreatedAt.ToUnixTimeMilliseconds()}";

    private static void WriteImage(Utf8JsonWriter json, SbomSubject subject)
    {
        json.WriteStartObject();
        json.WriteString("SPDXID", Image);
        json.WriteString("name", subject.Repository.Text);
        json.WriteString("versionInfo", subject.Tag ?? subject.Digest.Text);
        json.WriteString("primaryPackagePurpose", "CONTAINER");
        json.WriteString("downloadLocation", "NOASSERTION");
        json.WriteBoolean("filesAnalyzed", false);
        WriteReference(json, subject.Url);
        json.WriteEndObject();
    }

    private static void WritePackage(
        Utf8JsonWriter json, SbomEntry entry, SortedDictionary<string, string> others)
    {
        var license = entry.Package.License is { } text ? Licenses.Read(text) : null;
        foreach (var (id, other) in license?.Others ?? []) others[id] = other;
        json.WriteStartObject();
        json.WriteString("SPDXID", IdOf(entry));
        json.WriteString("name", entry.Package.Name);
        json.WriteString("versionInfo", entry.Package.Version);
        if (entry.Package.Vendor is { } vendor) json.WriteString("supplier", $"Organization: {vendor}");
        json.WriteString("downloadLocation", "NOASSERTION");
        json.WriteBoolean("filesAnalyzed", false);
        json.WriteString("sourceInfo", $"found in {entry.Location}");
        json.WriteString("licenseConcluded", "NOASSERTION");
        json.WriteString("licenseDeclared", license?.Expression ?? "NOASSERTION");
        json.WriteString("copyrightText", "NOASSERTION");
        WriteReference(json, entry.Url);
        json.WriteEndObject();
    }

    private static void WriteReference(Utf8JsonWriter json, string url)
    {
        json.WriteStartArray("externalRefs");
        json.WriteStartObject();
        json.WriteString("referenceCategory", "PACKAGE-MANAGER");
        json.WriteString("referenceType", "purl");
        json.WriteString("referenceLocator", url);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteOtherLicenses(Utf8JsonWriter json, SortedDictionary<string, string> others)
    {
        if (others.Count == 0) return;
        json.WriteStartArray("hasExtractedLicensingInfos");
        foreach (var (id, text) in others)
        {
            json.WriteStartObject();
            json.WriteString("licenseId", id);
            json.WriteString("name", text);
            json.WriteString("extractedText", text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRelationship(Utf8JsonWriter json, string from, string kind, string to)
    {
        json.WriteStartObject();
        json.WriteString("spdxElementId", from);
        json.WriteString("relationshipType", kind);
        json.WriteString("relatedSpdxElement", to);
        json.WriteEndObject();
    }

    private static string IdOf(SbomEntry entry) => $"SPDXRef-Package-{entry.Id}";
}
