using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>
/// Reads statements about vulnerabilities in products: OpenVEX (version 0.2.0 and before), also as what a statement of
/// in-toto says, and CSAF (OASIS, 2.0, profile 5). What it does not understand is left out.
/// </summary>
internal static class VexReader
{
    internal const int MaxStatements = 100_000;
    internal const int MaxProducts = 10_000;
    internal const int MaxNames = 100;
    private const int MaxText = 2_000;

    /// <summary>Statements of a document of one of these formats.</summary>
    /// <exception cref="InvalidDataException">It has more than is taken.</exception>
    public static IEnumerable<VexStatement> Read(JsonDataKind kind, JsonElement root) => kind switch
    {
        JsonDataKind.OpenVex => ReadOpenVex(root, []),
        JsonDataKind.InToto => ReadOpenVex(JsonData.Property(root, "predicate"), SubjectsOf(root)),
        JsonDataKind.Csaf => CsafReader.Read(root),
        _ => [],
    };

    public static VexStatus? StatusOf(string? word) => word switch
    {
        "not_affected" or "known_not_affected" => VexStatus.NotAffected,
        "affected" or "known_affected" or "first_affected" or "last_affected" => VexStatus.Affected,
        "fixed" or "first_fixed" => VexStatus.Fixed,
        "under_investigation" => VexStatus.UnderInvestigation,
        _ => null,
    };

    /// <summary>A text that is not longer than people read.</summary>
    public static string? Text(JsonElement json, string name) => JsonData.Text(json, name) switch
    {
        null or "" => null,
        { Length: > MaxText } text => text[..MaxText],
        var text => text,
    };

    public static DateTimeOffset? TimeOf(JsonElement json, string name) =>
        JsonData.Property(json, name) is { ValueKind: JsonValueKind.String } value
        && value.TryGetDateTimeOffset(out var time) ? time : null;

    /// <summary>Digests as registries write them.</summary>
    public static string? DigestOf(string algorithm, string? hex) =>
        algorithm.ToLowerInvariant().Replace("-", "") is "sha256" or "sha512" && hex is { Length: <= 128 }
            ? $"{algorithm.ToLowerInvariant().Replace("-", "")}:{hex.ToLowerInvariant()}" : null;

    private static IEnumerable<VexStatement> ReadOpenVex(JsonElement document, VexProduct[] subjects)
    {
        var (author, id) = (Text(document, "author"), Text(document, "@id"));
        // A statement without a time is from when the document was first written ("Inheritance Flow").
        var time = TimeOf(document, "timestamp") ?? TimeOf(document, "last_updated");
        var count = 0;
        foreach (var item in JsonData.Items(document, "statements"))
        {
            if (++count > MaxStatements) throw new InvalidDataException($"has more than {MaxStatements} statements");
            // Before version 0.2.0 it is only its name.
            var vulnerability = JsonData.Property(item, "vulnerability");
            var name = JsonData.Text(vulnerability) ?? JsonData.Text(vulnerability, "name");
            if (name is not { Length: > 0 and < 200 } || StatusOf(JsonData.Text(item, "status")) is not { } status)
                continue;
            var products = ProductsOf(item);
            yield return new VexStatement(name, status)
            {
                Aliases =
                [
                    .. JsonData.Texts(vulnerability, "aliases").Where(alias => alias.Length < 200).Take(MaxNames),
                ],
                Products = products.Length > 0 ? products : subjects,
                Justification = Text(item, "justification"),
                Impact = Text(item, "impact_statement"),
                Action = Text(item, "action_statement"),
                Author = Text(item, "supplier") ?? author,
                Timestamp = TimeOf(item, "last_updated") ?? TimeOf(item, "timestamp") ?? time,
                Document = id,
            };
        }
    }

    /// <summary>Before version 0.2.0, the parts are of all products.</summary>
    private static VexProduct[] ProductsOf(JsonElement statement)
    {
        VexComponent[] parts =
            [.. JsonData.Items(statement, "subcomponents").Take(MaxProducts).Select(ComponentOf)];
        return
        [
            .. JsonData.Items(statement, "products").Take(MaxProducts).Select(ProductOf)
                .Select(one => one.Subcomponents.Count == 0 ? one with { Subcomponents = parts } : one),
        ];
    }

    private static VexProduct ProductOf(JsonElement json) => new(
        ComponentOf(json), [.. JsonData.Items(json, "subcomponents").Take(MaxProducts).Select(ComponentOf)]);

    /// <summary>Before version 0.2.0 it is only its name.</summary>
    private static VexComponent ComponentOf(JsonElement json)
    {
        var identifiers = JsonData.Property(json, "identifiers");
        string?[] names = [JsonData.Text(json), JsonData.Text(json, "@id"), JsonData.Text(identifiers, "purl")];
        var hashes = JsonData.Property(json, "hashes");
        var digests = hashes.ValueKind == JsonValueKind.Object
            ? hashes.EnumerateObject().Take(MaxNames).Select(hash => DigestOf(hash.Name, JsonData.Text(hash.Value)))
            : [];
        return new VexComponent(
            [.. names.OfType<string>().Where(IsPurl).Distinct(StringComparer.Ordinal)],
            [.. digests.Concat(names.Select(ReferredDigestOf)).OfType<string>()]);
    }

    /// <summary>The digest in <c>registry.example.com/acme/app@sha256:…</c>.</summary>
    private static string? ReferredDigestOf(string? name) =>
        name is not null && !IsPurl(name) && name.LastIndexOf('@') is > 0 and var at
            && name[(at + 1)..].Split(':') is [var algorithm, var hex] ? DigestOf(algorithm, hex) : null;

    private static bool IsPurl(string name) => PurlName.Parse(name) is not null;

    private static VexProduct[] SubjectsOf(JsonElement statement) =>
    [
        .. from subject in JsonData.Items(statement, "subject").Take(MaxProducts)
           let digest = JsonData.Property(subject, "digest")
           where digest.ValueKind == JsonValueKind.Object
           let digests = digest.EnumerateObject().Take(MaxNames)
               .Select(one => DigestOf(one.Name, JsonData.Text(one.Value))).OfType<string>().ToArray()
           where digests.Length > 0
           select new VexProduct(new VexComponent([], digests), []),
    ];
}
