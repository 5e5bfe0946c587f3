using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Oci;

namespace Berth.Cli;

/// <summary><c>berth repo</c>: repositories, and who sees them.</summary>
internal static class RepositoryCommand
{
    /// <summary>More than the server takes.</summary>
    private const int MaxReadmeBytes = 128 * 1024;

    public static Command Create()
    {
        var name = ApiCommand.Argument("NAME", "The repository's name.");
        var visibility = ApiCommand.Visibility("everyone may pull from it");
        return ApiCommand.Group(
            "repo", "Repositories, and who sees them.",
            CreateList(),
            ApiCommand.Create(
                "show", "Show a repository. Its readme is in the JSON.",
                call => call.ShowAsync(
                    $"repositories/{call.Parsed.GetValue(name)}", ("Name", ApiCall.Field("name")),
                    ("Description", ApiCall.Field("description")), ("Readme", ApiCall.Field("hasReadme")),
                    ("Public", ApiCall.Field("isPublic")), ("Official", ApiCall.Field("isOfficial")),
                    ("Newest", ApiCall.Field("newestTag")), ("Pulls", ApiCall.Field("pulls")),
                    ("Stars", ApiCall.Field("stars")), ("Pushed", ApiCall.Time("pushedAt", "never")),
                    ("Since", ApiCall.Time("createdAt"))),
                name),
            CreateNew(name),
            CreateChange(name),
            CreateStatistics(name),
            RepositoryCopyCommand.CreateCopy(),
            RepositoryCopyCommand.CreateMove(),
            ApiCommand.Create(
                "visibility", "Let everyone pull from a repository, or only those who may.",
                call => call.DoAsync(
                    "PATCH", $"repositories/{call.Parsed.GetValue(name)}",
                    new JsonObject { ["isPublic"] = call.Parsed.GetValue(visibility) == "public" },
                    _ => $"{call.Parsed.GetValue(name)} is {call.Parsed.GetValue(visibility)} now."),
                name, visibility),
            CreateDelete(name));
    }

    private static Command CreateList()
    {
        var space = ApiCommand.Text("--namespace", "Only those in a namespace.");
        var sort = ApiCommand.Text("--sort", "name, pushed, pulls or stars: by name, or the latest or most first.");
        var platform = ApiCommand.Text("--platform", "Only where the newest tag is for it, such as linux/arm64.");
        var type = ApiCommand.Text("--type", "Only where the newest tag is an image, a chart, other, or of this type.");
        var label = ApiCommand.Text("--label", "Only where an image has this label or annotation: NAME=VALUE.");
        var visibility = ApiCommand.Text("--visibility", "public or private.");
        var official = new Option<bool>("--official") { Description = "Only official ones." };
        var starred = new Option<bool>("--starred") { Description = "Only those that you have starred." };
        return ApiCommand.Create(
            "list", "List repositories.",
            call =>
            {
                var query = new List<string>();
                foreach (var option in new[] { space, sort, platform, type, label, visibility })
                {
                    if (call.Parsed.GetValue(option) is { } given)
                        query.Add($"{option.Name[2..]}={Uri.EscapeDataString(given)}");
                }

                foreach (var option in new[] { official, starred })
                {
                    if (call.Parsed.GetValue(option)) query.Add($"{option.Name[2..]}=true");
                }

                return call.ListAsync(
                    query.Count == 0 ? "repositories" : "repositories?" + string.Join('&', query),
                    ("NAME", ApiCall.Field("name")), ("PUBLIC", ApiCall.Field("isPublic")),
                    ("PULLS", ApiCall.Field("pulls")), ("STARS", ApiCall.Field("stars")),
                    ("PUSHED", ApiCall.Time("pushedAt", "never")), ("SINCE", ApiCall.Time("createdAt")),
                    ("DESCRIPTION", ApiCall.Field("description")));
            },
            space, sort, platform, type, label, visibility, official, starred);
    }

    private static Command CreateNew(Argument<string> name)
    {
        var isPublic = new Option<string?>("--visibility")
        {
            Description = "public or private; without it, as its namespace has it.",
        };
        isPublic.AcceptOnlyFromAmong("public", "private");
        var description = ApiCommand.Text("--description", "What it is for, in a line.");
        return ApiCommand.Create(
            "create", "Make a repository without a push.",
            call =>
            {
                var body = new JsonObject { ["name"] = call.Parsed.GetValue(name) };
                if (call.Parsed.GetValue(isPublic) is { } chosen) body["isPublic"] = chosen == "public";
                if (call.Parsed.GetValue(description) is { } line) body["description"] = line;
                return call.DoAsync(
                    "POST", "repositories", body,
                    made => $"Made {made.GetProperty("name").GetString()}, which is "
                        + (made.GetProperty("isPublic").GetBoolean() ? "public." : "private."));
            },
            name, isPublic, description);
    }

    private static Command CreateChange(Argument<string> name)
    {
        var official = new Option<bool?>("--official")
        {
            Description = "true or false: whether administrators vouch for it; only they may say so.",
        };
        var description = ApiCommand.Text("--description", "What it is for, in a line; an empty one removes it.");
        var readme = ApiCommand.Text(
            "--readme", "A file with more about it, in Markdown; - for the standard input. An empty one removes it.");
        return ApiCommand.Create(
            "change", "Say what a repository is for.",
            async call =>
            {
                var body = new JsonObject();
                if (call.Parsed.GetValue(description) is { } line) body["description"] = line;
                if (call.Parsed.GetValue(readme) is { } file)
                    body["readme"] = await ReadReadmeAsync(file, call.Cancellation);
                if (call.Parsed.GetValue(official) is { } isOfficial) body["isOfficial"] = isOfficial;
                if (body.Count == 0)
                    throw new InvalidDataException("nothing to change: give --description, --readme or --official");
                await call.DoAsync(
                    "PATCH", $"repositories/{call.Parsed.GetValue(name)}", body,
                    _ => $"Changed {call.Parsed.GetValue(name)}.");
            },
            name, description, readme, official);
    }

    /// <summary>The server counts the bytes; what can't be meant is not read into memory.</summary>
    private static async Task<string> ReadReadmeAsync(string file, CancellationToken cancellation)
    {
        await using var input = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        using var read = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await input.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            read.Write(buffer.AsSpan(0, count));
            if (read.Length > MaxReadmeBytes)
                throw new InvalidDataException($"{file} has more than {MaxReadmeBytes:N0} bytes: that is no readme");
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(read.GetBuffer(), 0, (int)read.Length);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException($"{file} is not text in UTF-8");
        }
    }

    private static Command CreateStatistics(Argument<string> name)
    {
        var days = ApiCommand.Number("--days", "How many days, up to 400; 30 without it.");
        return ApiCommand.Create(
            "statistics", "Show how much a repository is used, day by day, and what it keeps.",
            async call =>
            {
                var path = $"statistics?repository={Uri.EscapeDataString(call.Parsed.GetValue(name)!)}";
                if (call.Parsed.GetValue(days) is { } count) path += $"&days={count}";
                var answer = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                if (call.IsJson)
                {
                    Console.WriteLine(answer.GetRawText());
                    return;
                }

                string Of(string field) => ApiCall.Field(field)(answer);
                Console.WriteLine(
                    $"{Of("repository")} has {VerifyCommand.Count(answer.GetProperty("tags").GetInt64(), "tag")}, "
                    + $"{VerifyCommand.Count(answer.GetProperty("manifests").GetInt64(), "manifest")}, "
                    + $"{ByteText.Of(answer.GetProperty("bytes").GetInt64())}, "
                    + $"{VerifyCommand.Count(answer.GetProperty("stars").GetInt64(), "star")}, "
                    + $"{VerifyCommand.Count(answer.GetProperty("pulls").GetInt64(), "pull")} in all.");
                Table.Print(
                    ["DAY", "PULLS"],
                    [.. answer.GetProperty("days").EnumerateArray()
                        .Select(day => new[] { ApiCall.Field("day")(day), ApiCall.Field("pulls")(day) })]);
            },
            name, days);
    }

    private static Command CreateDelete(Argument<string> name)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "delete", "Put a repository with all that is in it into the trash.",
            async call =>
            {
                var repository = call.Parsed.GetValue(name)!;
                var path = $"repositories/{repository}";
                await call.Api.AskAsync("GET", path, null, call.Cancellation);
                var tags = 0L;
                await foreach (var tag in call.Api.EachAsync(
                    $"tags?n=1000&repository={Uri.EscapeDataString(repository)}", call.Cancellation))
                {
                    TagCommand.RefuseImmutable(tag);
                    tags++;
                }

                var what = $"{repository} with {VerifyCommand.Count(tags, "tag")}";
                if (!await consent.AskAsync(call.Parsed, "delete", $"{what}.", call.Cancellation)) return;
                await call.DoAsync(
                    "DELETE", path, null,
                    _ => $"Deleted {what}. `berth trash list --repository {repository}` tells how to get it back.");
            },
            name, consent.DryRun, consent.Yes);
    }
}
