using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Sbom;

/// <summary>CycloneDX 1.6 in JSON: the image as what it is about, its distribution and packages as components.
/// </summary>
internal sealed class CycloneDxFormat : SbomFormat
{
    public override string Name => SbomDocument.CycloneDx;

    public override string MediaType => "application/vnd.cyclonedx+json";

    public override string Suffix => ".cdx.json";

    protected override IEnumerable<SbomEntry> Write(
        Utf8JsonWriter json, SbomSubject subject, InstalledPackages installed, IReadOnlyList<SbomEntry> entries)
    {
        json.WriteStartObject();
        WriteHead(json, subject);
        json.WriteStartArray("components");
        if (installed.OsRelease is { } system) WriteSystem(json, system);
        foreach (var entry in entries)
        {
            WriteComponent(json, entry, installed.Layers);
            yield return entry;
        }

        json.WriteEndArray();
        WriteCompleteness(json, subject, installed);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, SbomSubject subject)
    {
        json.WriteString("$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
        json.WriteString("bomFormat", "CycloneDX");
        json.WriteString("specVersion", "1.6");
        json.WriteString("serialNumber", $"urn:uuid:{SerialNumberOf(subject)}");
        json.WriteNumber("version", 1);
        json.WriteStartObject("metadata");
        json.WriteString("timestamp", subject.Created);
        json.WriteStartObject("tools");
        json.WriteStartArray("components");
        json.WriteStartObject();
        json.WriteString("type", "application");
        json.WriteString("name", "berth");
        json.WriteString("version", Version);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("component");
        json.WriteString("bom-ref", subject.Url);
        json.WriteString("type", "container");
        json.WriteString("name", subject.Repository.Text);
        json.WriteString("version", subject.Digest.Text);
        json.WriteString("purl", subject.Url);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Another one for each document.</summary>
    private static Guid SerialNumberOf(SbomSubject subject)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(
            $"{subject.Name} {subject.Digest.Text} {subject.CreatedAt.ToUnixTimeMilliseconds()}"));
        var id = hash.AsSpan(0, 16);

        // Version 8, for those made in their maker's own way, and the usual variant (RFC 9562, 5.8).
        id[6] = (byte)((id[6] & 0x0f) | 0x80);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new Guid(id, bigEndian: true);
    }

    private static void WriteSystem(Utf8JsonWriter json, OsRelease system)
    {
        json.WriteStartObject();
        json.WriteString("bom-ref", $"os:{system.Id}@{system.VersionId}");
        json.WriteString("type", "operating-system");
        json.WriteString("name", system.Id);
        if (system.VersionId.Length > 0) json.WriteString("version", system.VersionId);
        json.WriteString("description", system.Name);
        json.WriteEndObject();
    }

    private static void WriteComponent(Utf8JsonWriter json, SbomEntry entry, IReadOnlyList<Digest> layers)
    {
        var package = entry.Package;
        var (group, name) = NamesOf(package);
        json.WriteStartObject();
        json.WriteString("bom-ref", entry.Id);
        json.WriteString("type", "library");
        if (package.Vendor is { } vendor) json.WriteString("publisher", vendor);
        if (group.Length > 0) json.WriteString("group", group);
        json.WriteString("name", name);
        json.WriteString("version", package.Version);
        if (package.License is { } license) WriteLicense(json, license);
        json.WriteString("purl", entry.Url);
        json.WriteStartArray("properties");
        WriteProperty(json, "berth:location", entry.Location);
        WriteProperty(json, "berth:layer", layers[entry.Installed.Layer].Text);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static (string Group, string Name) NamesOf(Package package) => package.Type switch
    {
        "maven" when package.Name.IndexOf(':') is > 0 and var colon =>
            (package.Name[..colon], package.Name[(colon + 1)..]),
        "npm" when package.Name.StartsWith('@') && package.Name.IndexOf('/') is > 0 and var slash =>
            (package.Name[..slash], package.Name[(slash + 1)..]),
        _ => ("", package.Name),
    };

    private static void WriteLicense(Utf8JsonWriter json, string text)
    {
        var license = Licenses.Read(text);
        json.WriteStartArray("licenses");
        json.WriteStartObject();
        if (license.Others.Count == 0 && !license.IsOne)
        {
            json.WriteString("expression", license.Expression);
        }
        else
        {
            json.WriteStartObject("license");
            json.WriteString(license.IsOne && !license.Expression.EndsWith('+') ? "id" : "name",
                license.IsOne ? license.Expression : text);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteProperty(Utf8JsonWriter json, string name, string value)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteString("value", value);
        json.WriteEndObject();
    }

    private static void WriteCompleteness(Utf8JsonWriter json, SbomSubject subject, InstalledPackages installed)
    {
        if (installed.Faults.Count == 0) return;
        json.WriteStartArray("compositions");
        json.WriteStartObject();
        json.WriteString("aggregate", "incomplete");
        json.WriteStartArray("assemblies");
        json.WriteStringValue(subject.Url);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartArray("properties");
        foreach (var fault in installed.Faults) WriteProperty(json, "berth:fault", fault);
        json.WriteEndArray();
    }
}
