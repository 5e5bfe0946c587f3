using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>
/// Reads VEX documents of CSAF: a tree of products and how they are related, and for each vulnerability which of them
/// have which status.
/// </summary>
internal static class CsafReader
{
    private const int MaxDepth = 30;
    private const int MaxKnown = 200_000;

    public static IEnumerable<VexStatement> Read(JsonElement root)
    {
        var document = JsonData.Property(root, "document");
        var tracking = JsonData.Property(document, "tracking");
        var (id, author) = (
            VexReader.Text(tracking, "id"), VexReader.Text(JsonData.Property(document, "publisher"), "name"));
        var time = VexReader.TimeOf(tracking, "current_release_date");
        var products = ProductsOf(JsonData.Property(root, "product_tree"));
        foreach (var vulnerability in JsonData.Items(root, "vulnerabilities").Take(VexReader.MaxStatements))
        {
            if (NamesOf(vulnerability) is not [var name, .. var aliases]) continue;
            var states = JsonData.Property(vulnerability, "product_status");
            if (states.ValueKind != JsonValueKind.Object) continue;
            foreach (var state in states.EnumerateObject())
            {
                if (VexReader.StatusOf(state.Name) is not { } status) continue;
                var named = JsonData.Texts(states, state.Name).Take(VexReader.MaxProducts).ToHashSet();
                foreach (var (label, group) in ByJustification(vulnerability, status, named))
                {
                    var found = group.Select(one => products.GetValueOrDefault(one)).OfType<VexProduct>()
                        .Where(one => one.Product.Purls.Count + one.Product.Digests.Count > 0).ToArray();
                    if (found.Length == 0) continue;
                    yield return new VexStatement(name, status)
                    {
                        Aliases = aliases,
                        Products = found,
                        Justification = label,
                        Impact = TextOf(vulnerability, "threats", "impact", named),
                        Action = RemedyOf(vulnerability, named),
                        Author = author,
                        Timestamp = time,
                        Document = id,
                    };
                }
            }
        }
    }

    private static List<string> NamesOf(JsonElement vulnerability)
    {
        var ids = JsonData.Items(vulnerability, "ids").Select(id => JsonData.Text(id, "text"));
        return
        [
            .. ids.Prepend(JsonData.Text(vulnerability, "cve")).OfType<string>()
                .Where(name => name.Length is > 0 and < 200).Distinct(StringComparer.Ordinal).Take(VexReader.MaxNames),
        ];
    }

    /// <summary>Why products are not affected is said by flags, each for some of them.</summary>
    private static IEnumerable<(string? Label, IReadOnlyCollection<string> Products)> ByJustification(
        JsonElement vulnerability, VexStatus status, HashSet<string> named)
    {
        if (status != VexStatus.NotAffected) return [(null, named)];
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var flag in JsonData.Items(vulnerability, "flags").Take(VexReader.MaxNames))
        {
            if (VexReader.Text(flag, "label") is not { } label) continue;
            foreach (var product in JsonData.Texts(flag, "product_ids").Where(named.Contains)) labels[product] = label;
        }

        return named.GroupBy(product => labels.GetValueOrDefault(product))
            .Select(group => (group.Key, (IReadOnlyCollection<string>)[.. group]));
    }

    private static string? TextOf(JsonElement vulnerability, string list, string category, HashSet<string> named) =>
        JsonData.Items(vulnerability, list).Take(VexReader.MaxProducts)
            .Where(item => JsonData.Text(item, "category") == category && IsAbout(item, named))
            .Select(item => VexReader.Text(item, "details")).FirstOrDefault(text => text is not null);

    private static string? RemedyOf(JsonElement vulnerability, HashSet<string> named) =>
        JsonData.Items(vulnerability, "remediations").Take(VexReader.MaxProducts)
            .Where(item => IsAbout(item, named))
            .Select(item => VexReader.Text(item, "details")).FirstOrDefault(text => text is not null);

    private static bool IsAbout(JsonElement item, HashSet<string> named)
    {
        using var products = JsonData.Texts(item, "product_ids").GetEnumerator();
        if (!products.MoveNext()) return true;
        do
        {
            if (named.Contains(products.Current)) return true;
        }
        while (products.MoveNext());

        return false;
    }

    private static Dictionary<string, VexProduct> ProductsOf(JsonElement tree)
    {
        var products = new Dictionary<string, VexProduct>(StringComparer.Ordinal);
        foreach (var product in JsonData.Items(tree, "full_product_names")) Add(products, product);
        AddBranches(products, tree, 0);
        var distributions = DistributionsOf(tree);
        // A component of a product is what the statement is about, and the product where that is. If that is neither an
        // image nor a distribution, nobody here knows what is part of it.
        foreach (var relation in JsonData.Items(tree, "relationships").Take(MaxKnown))
        {
            if (JsonData.Text(JsonData.Property(relation, "full_product_name"), "product_id") is not { } id) continue;
            var part = products.GetValueOrDefault(JsonData.Text(relation, "product_reference") ?? "");
            var wholeId = JsonData.Text(relation, "relates_to_product_reference") ?? "";
            var whole = products.GetValueOrDefault(wholeId);
            Add(products, JsonData.Property(relation, "full_product_name"));
            if (part is null || products.Count >= MaxKnown) continue;
            if (whole is not null && IsImage(whole.Product))
                products[id] = new VexProduct(whole.Product, [part.Product]);
            else if (distributions.Contains(wholeId))
                products[id] = new VexProduct(OfOneRelease(part.Product), []);
        }

        return products;
    }

    /// <summary>A name without a version would be that of the package in all releases.</summary>
    private static VexComponent OfOneRelease(VexComponent part) =>
        part with { Purls = [.. part.Purls.Where(purl => PurlName.Parse(purl)?.Version is not null)] };

    /// <summary>The products that are distributions, or repositories of one, by their names in the Common Platform
    /// Enumeration.</summary>
    private static HashSet<string> DistributionsOf(JsonElement tree)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        Walk(tree, 0);
        return found;

        void Walk(JsonElement node, int depth)
        {
            foreach (var branch in JsonData.Items(node, "branches"))
            {
                Note(JsonData.Property(branch, "product"));
                if (depth < MaxDepth) Walk(branch, depth + 1);
            }

            foreach (var product in JsonData.Items(node, "full_product_names")) Note(product);
        }

        void Note(JsonElement product)
        {
            var cpe = JsonData.Text(JsonData.Property(product, "product_identification_helper"), "cpe");
            var isDistribution = cpe is not null && (cpe.StartsWith("cpe:/o:", StringComparison.Ordinal)
                || cpe.StartsWith("cpe:2.3:o:", StringComparison.Ordinal)
                || cpe.Contains(":redhat:enterprise_linux:", StringComparison.Ordinal));
            if (isDistribution && JsonData.Text(product, "product_id") is { } id) found.Add(id);
        }
    }

    private static bool IsImage(VexComponent product) => product.Digests.Count > 0
        || product.Purls.Any(purl => purl.StartsWith("pkg:oci/", StringComparison.Ordinal));

    private static void AddBranches(Dictionary<string, VexProduct> products, JsonElement node, int depth)
    {
        if (depth > MaxDepth) return;
        foreach (var branch in JsonData.Items(node, "branches"))
        {
            Add(products, JsonData.Property(branch, "product"));
            AddBranches(products, branch, depth + 1);
        }
    }

    private static void Add(Dictionary<string, VexProduct> products, JsonElement product)
    {
        if (JsonData.Text(product, "product_id") is not { } id || products.Count >= MaxKnown) return;
        var helper = JsonData.Property(product, "product_identification_helper");
        var purls = JsonData.Texts(helper, "purls").Append(JsonData.Text(helper, "purl") ?? "")
            .Where(purl => PurlName.Parse(purl) is not null).Take(VexReader.MaxNames);
        var digests =
            from entry in JsonData.Items(helper, "hashes").Take(VexReader.MaxNames)
            from hash in JsonData.Items(entry, "file_hashes").Take(VexReader.MaxNames)
            let digest = VexReader.DigestOf(JsonData.Text(hash, "algorithm") ?? "", JsonData.Text(hash, "value"))
            where digest is not null
            select digest;
        products[id] = new VexProduct(new VexComponent([.. purls], [.. digests]), []);
    }
}
