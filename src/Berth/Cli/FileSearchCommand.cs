using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Oci;

namespace Berth.Cli;

/// <summary><c>berth search files</c>: which images have a file. It asks again until all layers were looked through.
/// </summary>
internal static class FileSearchCommand
{
    /// <summary>The longest path that there is.</summary>
    private const int MaxShown = 8192;

    private const int DigestChars = 19;

    /// <summary>How often in a row it asks a registry that is busy again.</summary>
    private const int MaxBusy = 12;

    private static readonly TimeSpan BetweenAsks = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var name = ApiCommand.Argument(
            "NAME", "The file's name, or with a slash its path; * is any text, ? a character.");
        var space = new Option<string?>("--namespace") { Description = "Only in this namespace." };
        var repository = new Option<string?>("--repository") { Description = "Only in this repository." };
        return ApiCommand.Create(
            "files", "Find images with a file, by the name or path of the file.",
            call => FindAsync(
                call, $"search/files?n=100&name={Uri.EscapeDataString(call.Parsed.GetValue(name)!)}"
                    + Field("namespace", call.Parsed.GetValue(space))
                    + Field("repository", call.Parsed.GetValue(repository))),
            name, space, repository);
    }

    public static async Task FindAsync(ApiCall call, string path)
    {
        var (items, searched, unsearched, isComplete, busy) = (new List<JsonElement>(), 0L, 0L, true, 0);
        for (var next = path; next is not null;)
        {
            JsonElement page;
            try
            {
                (page, next) = await call.Api.AskPageAsync(next, call.Cancellation);
            }
            catch (ApiRefusalException e) when (e.IsBusy && ++busy <= MaxBusy)
            {
                await Task.Delay(BetweenAsks, TimeProvider.System, call.Cancellation);
                continue;
            }

            busy = 0;
            items.AddRange(page.GetProperty("items").EnumerateArray());
            searched += page.GetProperty("searched").GetInt64();
            unsearched += page.GetProperty("unsearched").GetInt64();
            isComplete = page.GetProperty("isComplete").GetBoolean();
            ShowProgress(page.GetProperty("progress").GetDouble(), isLast: next is null);
        }

        if (call.IsJson)
        {
            Console.WriteLine($"{{\"items\":[{string.Join(',', items.Select(one => one.GetRawText()))}],"
                + $"\"isComplete\":{(isComplete ? "true" : "false")},\"searched\":{searched},"
                + $"\"unsearched\":{unsearched}}}");
            return;
        }

        if (items.Count == 0) Console.WriteLine(SearchCommand.NothingFound);
        else Table.Print(["IMAGE", "PLATFORM", "SIZE", "PATH", "LAYER"], [.. items.SelectMany(RowsOf)]);
        await Console.Error.WriteLineAsync(
            $"Searched {VerifyCommand.Count(searched, "layer")}."
                + (unsearched == 0 ? "" : $" {VerifyCommand.Count(unsearched, "other")} could not be searched.")
                + (isComplete ? "" : " Layers that very many repositories have may be missing."));
    }

    /// <summary>A row for each file in each image.</summary>
    private static IEnumerable<string[]> RowsOf(JsonElement found)
    {
        var layer = found.GetProperty("layer").GetString()!;
        foreach (var repository in found.GetProperty("repositories").EnumerateArray())
        {
            var name = repository.GetProperty("repository").GetString()!;
            foreach (var image in repository.GetProperty("images").EnumerateArray())
            {
                var reference = image.TryGetProperty("tag", out var tag)
                    ? $"{name}:{tag.GetString()}" : $"{name}@{image.GetProperty("digest").GetString()}";
                foreach (var file in found.GetProperty("files").EnumerateArray())
                {
                    yield return Row(
                        reference, ApiCall.Field("platform")(image),
                        file.GetProperty("kind").GetString() == "file"
                            ? ByteText.Of(file.GetProperty("sizeBytes").GetInt64()) : "",
                        PlainText.Of(file.GetProperty("path").GetString()!, MaxShown));
                }

                if (found.GetProperty("hasMoreFiles").GetBoolean()) yield return Row(reference, "", "", "… and more");
            }

            if (repository.GetProperty("hasMore").GetBoolean()) yield return Row($"{name}: more images", "", "", "");
        }

        if (found.GetProperty("hasMoreRepositories").GetBoolean()) yield return Row("more repositories", "", "", "");

        string[] Row(string image, string platform, string size, string path) =>
            [image, platform, size, path, layer[..DigestChars]];
    }

    private static void ShowProgress(double progress, bool isLast)
    {
        if (Console.IsErrorRedirected) return;
        Console.Error.Write(isLast
            ? "\r                  \r" : string.Create(CultureInfo.InvariantCulture, $"\rSearched {progress:P0}… "));
    }

    private static string Field(string name, string? value) =>
        value is null ? "" : $"&{name}={Uri.EscapeDataString(value)}";
}
