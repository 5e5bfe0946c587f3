using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Cli;

/// <summary><c>berth usage</c>: what is kept, and what a deletion would free.</summary>
internal static class UsageCommand
{
    public static Command Create()
    {
        var space = ApiCommand.Text("--namespace", "Only that of a namespace.");
        var usage = ApiCommand.Create(
            "usage", "Show what namespaces and repositories keep: in all, and what nothing else has.",
            async call =>
            {
                var given = call.Parsed.GetValue(space);
                var found = await call.Api.AskAsync(
                    "GET", given is null ? "usage" : $"usage?namespace={Uri.EscapeDataString(given)}", null,
                    call.Cancellation);
                if (call.IsJson) Console.WriteLine(found.GetRawText());
                else Print(found);
            },
            space);
        usage.Add(CreateFree());
        return usage;
    }

    private static Command CreateFree()
    {
        var image = ApiCommand.Argument(
            "IMAGE", "REPOSITORY:TAG, REPOSITORY@DIGEST, a repository, a namespace, or a pattern: acme/*, acme/**.");
        var tags = ApiCommand.Text("--tags", "The tags that match a pattern: 'pr-*', '/^v0\\./'.");
        return ApiCommand.Create(
            "free", "Tell what would be free without a tag, an image, some tags or repositories, and who shares it.",
            async call =>
            {
                var path = await PathOfFreeAsync(call, call.Parsed.GetValue(image)!, call.Parsed.GetValue(tags));
                var found = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                if (call.IsJson) Console.WriteLine(found.GetRawText());
                else PrintFree(found);
            },
            image, tags);
    }

    /// <summary>What asks for an image, a repository, a pattern of them, or a namespace: in this order.</summary>
    private static async Task<string> PathOfFreeAsync(ApiCall call, string image, string? tags)
    {
        if (image.Contains('*', StringComparison.Ordinal)) return Matching(image);
        var named = ImageArgument.Parse(image);
        if (named.Reference is not null && tags is not null)
            throw new InvalidDataException("--tags is for a repository: name no tag or digest");
        if (named.Reference is null && !image.Contains('/', StringComparison.Ordinal)
            && !await IsRepositoryAsync(call, named.Repository.Text))
        {
            return Matching(NamePattern.ForNamespace(image).Text);
        }

        var (field, value) = named.Reference switch
        {
            { Tag: { } tag } => ("tag", tag.Text),
            { Digest: { } digest } => ("digest", digest.Text),
            _ => ("tags", tags),
        };
        return $"usage/reclaimable?repository={Uri.EscapeDataString(named.Repository.Text)}"
            + (value is null ? "" : $"&{field}={Uri.EscapeDataString(value)}");

        string Matching(string names) => $"usage/reclaimable/matching?names={Uri.EscapeDataString(names)}"
            + (tags is null ? "" : $"&tags={Uri.EscapeDataString(tags)}");
    }

    private static async Task<bool> IsRepositoryAsync(ApiCall call, string name)
    {
        try
        {
            await call.Api.AskAsync("GET", $"repositories/{name}", null, call.Cancellation);
            return true;
        }
        catch (ApiRefusalException)
        {
            return false;
        }
    }

    private static void Print(JsonElement usage)
    {
        var rows = new List<string[]>();
        Add(usage, 0, rows);
        Table.Print(["NAME", "BYTES", "OWN", "TRASH", "TAGS", "MANIFESTS"], rows);
    }

    private static void Add(JsonElement node, int depth, List<string[]> rows)
    {
        var indent = new string(' ', 2 * depth);
        var name = node.GetProperty("name").GetString()!;
        rows.Add(
        [
            indent + (name.Length == 0 ? "all" : name), Bytes("bytes"), Bytes("ownBytes"), Bytes("trashBytes"),
            Count("tags"), Count("manifests"),
        ]);
        if (node.TryGetProperty("parts", out var parts))
        {
            foreach (var part in parts.EnumerateArray()) Add(part, depth + 1, rows);
        }

        if (node.TryGetProperty("more", out _)) rows.Add([$"{indent}  … {Count("more")} more", "", "", "", "", ""]);

        string Bytes(string field) => ByteText.Of(node.GetProperty(field).GetInt64());
        string Count(string field) => node.GetProperty(field).GetInt64().ToString("N0", CultureInfo.InvariantCulture);
    }

    private static void PrintFree(JsonElement found)
    {
        string Count(string field, string noun) => VerifyCommand.Count(found.GetProperty(field).GetInt64(), noun);
        Console.WriteLine(
            $"Would free {ByteText.Of(found.GetProperty("ownBytes").GetInt64())}: {Count("manifests", "manifest")} and "
            + $"{Count("blobs", "blob")}, once they have left the trash.");
        var shared = found.GetProperty("sharedBytes").GetInt64();
        if (shared == 0) return;
        Console.WriteLine($"Shared with others, and kept: {ByteText.Of(shared)}.");
        var holders = found.GetProperty("holders").EnumerateArray().ToList();
        if (holders.Count > 0)
        {
            Table.Print(
                ["REPOSITORY", "BYTES", "IMAGES"],
                [.. holders.Select(holder => new[]
                {
                    holder.GetProperty("repository").GetString()!,
                    ByteText.Of(holder.GetProperty("bytes").GetInt64()),
                    string.Join(", ", holder.GetProperty("images").EnumerateArray().Select(image => Short(image)))
                        + (holder.GetProperty("inTrash").GetBoolean() ? " (in the trash)" : ""),
                })]);
        }

        var others = found.GetProperty("otherHolders").GetInt64();
        if (others > 0) Console.WriteLine($"And {(others == 1 ? "another repository" : $"{others:N0} others")}.");
    }

    private static string Short(JsonElement image)
    {
        var text = image.GetString()!;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? text : text[..Math.Min(text.Length, colon + 13)];
    }
}
