using System.Text.Json;

namespace Berth.Oci;

/// <summary>A package that a bill of materials lists.</summary>
internal sealed record SbomPackage(string Name, string Version, string License);

/// <summary>What a bill of materials says, in short (SPDX 2.x, CycloneDX), however it is wrapped.</summary>
/// <param name="Format">Such as <c>SPDX-2.3</c> or <c>CycloneDX 1.6</c>.</param>
/// <param name="Packages">How many packages it lists.</param>
/// <param name="First">The first of them.</param>
internal sealed record SbomSummary(string Format, long Packages, IReadOnlyList<SbomPackage> First)
{
    private const int MaxShown = 100;

    /// <summary>Null if it is none that is known.</summary>
    public static SbomSummary? Read(ReadOnlyMemory<byte> json) => StatementJson.Read(
        json,
        root => JsonFacts.Field(root, "predicate") is { } predicate && Find(predicate) is { } found
            ? found : Find(root));

    private static SbomSummary? Find(JsonElement root)
    {
        if (JsonFacts.Text(root, "spdxVersion") is { } spdx)
        {
            return new SbomSummary(spdx, Count(root, "packages"), [.. Items(root, "packages").Select(one =>
                new SbomPackage(
                    JsonFacts.Text(one, "name") ?? "", JsonFacts.Text(one, "versionInfo") ?? "",
                    JsonFacts.Text(one, "licenseDeclared") ?? ""))]);
        }

        if (JsonFacts.Text(root, "bomFormat") != "CycloneDX") return null;
        return new SbomSummary(
            $"CycloneDX {JsonFacts.Text(root, "specVersion")}", Count(root, "components"),
            [.. Items(root, "components").Select(one => new SbomPackage(
                JsonFacts.Text(one, "name") ?? "", JsonFacts.Text(one, "version") ?? "", LicenseOf(one)))]);
    }

    private static string LicenseOf(JsonElement component)
    {
        var licenses = JsonFacts.Field(component, "licenses");
        if (licenses is not { ValueKind: JsonValueKind.Array } list) return "";
        return string.Join(", ", list.EnumerateArray().Take(5).Select(one =>
            JsonFacts.Text(one, "expression") ?? JsonFacts.Text(one, "license", "id")
            ?? JsonFacts.Text(one, "license", "name")).OfType<string>());
    }

    private static long Count(JsonElement root, string list) =>
        JsonFacts.Field(root, list) is { ValueKind: JsonValueKind.Array } items ? items.GetArrayLength() : 0;

    private static IEnumerable<JsonElement> Items(JsonElement root, string list) =>
        JsonFacts.Field(root, list) is { ValueKind: JsonValueKind.Array } items
            ? items.EnumerateArray().Take(MaxShown) : [];
}
