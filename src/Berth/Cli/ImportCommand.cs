using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Import;
using Berth.Metadata;
using Spectre.Console;

namespace Berth.Cli;

/// <summary><c>berth import</c>: takes what another registry keeps. What is named decides how.</summary>
internal static class ImportCommand
{
    /// <summary>More would scroll away the summary; the API has the rest.</summary>
    private const int ShownNotes = 40;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var source = new Argument<string?>("SOURCE")
        {
            Description = "The folder or the config.yml of a registry:2 or registry:3; any registry's address, such as "
                + "https://registry.example.com/acme/; or images: an OCI layout, an OCI archive, or what docker save "
                + "wrote.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var to = new Argument<string?>("TO")
        {
            Description = "Where images go, such as acme/app:1, or acme/app to keep their tags. Of an address: what "
                + "stands here for its path.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var overwrite = ApiCommand.Switch("--overwrite", "Also move tags that somebody has pushed here since.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be imported.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var list = ApiCommand.Switch(
            "--list", "Only list the last imports of folders, buckets and images here, and what each has brought.");
        var network = new SourceOptions();
        var command = ApiCommand.Create(
            "import",
            "Import a registry with all that it has, or images. Works beside a running server, and while the other "
            + "registry still runs: run it again to import what has come since.",
            parsed =>
            {
                if (parsed.GetValue(list)) return MissingDatabase.Refuse;

                // Before a registry is made for nothing.
                var named = parsed.GetValue(source)!;
                if (!named.Contains("://", StringComparison.Ordinal)) ImportSource.KindOf(Path.GetFullPath(named));
                return parsed.GetValue(dryRun) ? MissingDatabase.Imagine : MissingDatabase.Create;
            },
            call => call.Parsed.GetValue(list) ? ListAsync(call) : RunAsync(
                call, network, call.Parsed.GetValue(source)!, call.Parsed.GetValue(to),
                call.Parsed.GetValue(overwrite), call.Parsed.GetValue(dryRun), call.Parsed.GetValue(yes)),
            [source, to, overwrite, dryRun, yes, list, .. network.All]);
        command.Validators.Add(result =>
        {
            var isNamed = result.GetResult(source) is { Tokens.Count: > 0 };
            if (result.GetValue(list) && isNamed) result.AddError("--list lists all imports: leave out SOURCE.");
            else if (!result.GetValue(list) && !isNamed) result.AddError("SOURCE is missing");
        });
        return command;
    }

    private static Task ListAsync(ApiCall call)
    {
        return call.ListAsync(
            "imports", ("ID", ApiCall.Field("id")), ("BY", ApiCall.Field("requestedBy")),
            ("STARTED", ApiCall.Time("startedAt")), ("ENDED", ApiCall.Time("endedAt")),
            ("STATE", ApiCall.Field("state")), ("SOURCE", ApiCall.Field("source")), ("MANIFESTS", Done("manifests")),
            ("TAGS", Done("tags")), ("BLOBS", Done("blobs")),
            ("BROUGHT", row => VerifyCommand.Bytes(row.GetProperty("done").GetProperty("bytes").GetInt64())),
            ("NOTES", Done("notes")), ("ERROR", ApiCall.Field("error")));

        static Func<JsonElement, string> Done(string field) => row => ApiCall.Field(field)(row.GetProperty("done"));
    }

    private static async Task RunAsync(
        ApiCall call, SourceOptions network, string source, string? to, bool overwrites, bool isDryRun, bool isSure)
    {
        if (source.Contains("://", StringComparison.Ordinal))
        {
            await new NetworkImport(call, network).RunAsync(source, to, overwrites, isDryRun, isSure);
            return;
        }

        if (network.FirstGiven(call.Parsed) is { } option)
            throw new InvalidDataException($"{option} is for a registry at an address, and {source} is a path");

        var path = Path.GetFullPath(source);
        if ((call.Api.IsLocal || Path.Exists(path)) && ImportSource.KindOf(path) == ImportKind.Images)
        {
            await RunImagesAsync(call, path, to, isDryRun, isSure);
            return;
        }

        if (to is not null)
            throw new InvalidDataException($"{path} is a registry, which keeps its names: leave out {to}");
        if (isDryRun || !isSure)
        {
            var found = await call.Api.AskAsync(
                "GET", $"imports/estimate?source={Uri.EscapeDataString(path)}", null, call.Cancellation);
            if (isDryRun)
            {
                Console.WriteLine(call.IsJson ? found.GetRawText() : Forecast(found));
                return;
            }

            await StandardInput.ConfirmAsync(Forecast(found), "--yes", call.Cancellation);
        }

        await DoAsync(call, new JsonObject { ["source"] = path, ["overwrites"] = overwrites });
    }

    /// <summary>A server over the network gets them from here, as from any client.</summary>
    private static async Task RunImagesAsync(ApiCall call, string path, string? to, bool isDryRun, bool isSure)
    {
        using var archive = await ImageArchive.OpenAsync(path, call.Cancellation);
        var targets = ImageTarget.Find(archive, to);
        if (isDryRun || !isSure)
        {
            Table.Print(
                ["IMAGE", "DIGEST", "GOES TO"],
                targets.ConvertAll(target => new[]
                {
                    target.Image.Name ?? "", target.Image.Digest.Text,
                    $"{target.Repository}{(target.Tag is { } tag ? $":{tag}" : "")}",
                }));
            if (isDryRun) return;
            await StandardInput.ConfirmAsync("Tags that are there already move.", "--yes", call.Cancellation);
        }

        if (call.Api.IsLocal)
        {
            await DoAsync(call, new JsonObject { ["source"] = path, ["target"] = to });
            return;
        }

        var progress = new ImportProgress();
        using var images = call.Api.OpenImages();
        var work = new ImageImport(archive, images.Sink, progress).RunAsync(targets, call.Cancellation);
        if (!call.IsJson) await ShowAsync(work, () => progress.Report);
        await work;
        NetworkImport.Print(call, progress);
    }

    private static async Task DoAsync(ApiCall call, JsonObject wanted)
    {
        var made = await call.Api.AskAsync("POST", "imports", wanted, call.Cancellation);
        var done = await WaitAsync(call, made);
        if (call.IsJson) Console.WriteLine(done.GetRawText());
        else await PrintAsync(call, done);
        if (done.GetProperty("state").GetString() == ImportStates.Failed)
            throw new ApiRefusalException($"the import failed: {done.GetProperty("error").GetString()}");
    }

    private static async Task<JsonElement> WaitAsync(ApiCall call, JsonElement made)
    {
        var id = made.GetProperty("id").GetInt64();
        await using var node = call.Api.Settings is { } settings
            ? await LocalNode.StartAsync(settings, call.Cancellation) : null;
        var done = made;
        var waiting = AskAsync();
        if (!call.IsJson) await ShowAsync(waiting, () => ReportOf(done));
        await waiting;
        return done;

        async Task AskAsync()
        {
            while (done.GetProperty("state").GetString() is not (ImportStates.Done or ImportStates.Failed))
            {
                await Task.Delay(BetweenLooks, call.Cancellation);
                done = await call.Api.AskAsync("GET", $"imports/{id}", null, call.Cancellation);
            }
        }
    }

    public static Task ShowAsync(Task work, Func<ImportReport> look) => WorkDisplay.ShowAsync(
        work, "Importing", [new DownloadedColumn(), new TransferSpeedColumn()],
        bar =>
        {
            var report = look();
            bar.MaxValue = Math.Max(1, report.TotalBytes);
            bar.Value = Math.Min(report.Bytes, bar.MaxValue);
            bar.Description = report.TotalFiles > 0
                ? $"{report.Manifests + report.Blobs:N0} of {report.TotalFiles:N0} files" : "Looking";
        },
        () =>
        {
            var report = look();
            return $"{report.Manifests + report.Blobs:N0} of {report.TotalFiles:N0} files, "
                + $"{VerifyCommand.Bytes(report.Bytes)} of {VerifyCommand.Bytes(report.TotalBytes)}";
        });

    private static ImportReport ReportOf(JsonElement import)
    {
        var done = import.GetProperty("done");
        return new ImportReport(
            Of("repositories"), Of("manifests"), Of("tags"), Of("blobs"), Of("linked"), Of("bytes"),
            Of("foundManifests"), Of("foundTags"), Of("totalFiles"), Of("totalBytes"), Of("leftFiles"),
            Of("leftBytes"), Of("notes"));

        long Of(string field) => done.GetProperty(field).GetInt64();
    }

    private static string Forecast(JsonElement found)
    {
        var (repositories, isNew, files) = (Number("repositories"), Number("newManifests"), Number("files"));
        var text = $"{found.GetProperty("source").GetString()} has {repositories:N0} "
            + $"{(repositories == 1 ? "repository" : "repositories")}, {Count("manifests", "manifest")} and "
            + $"{Count("tags", "tag")}. ";
        var size = $"{Count("files", "file")} ({VerifyCommand.Bytes(Number("bytes"))})";
        if (isNew == 0)
        {
            return text + "All manifests are here already"
                + (files == 0 ? "." : $"; {size} that nothing needs {(files == 1 ? "stays" : "stay")} behind.");
        }

        text += $"{Count("newManifests", "manifest")} {(isNew == 1 ? "is" : "are")} not here yet";
        if (files == 0) return text + ", and no file has to be brought for that.";
        text += $", and neither {(files == 1 ? "is" : "are")} {size}, of which those come that a manifest needs";
        if (found.GetProperty("isLinked").GetBoolean())
            return $"{text}: by hard links, where the files' owner allows that.";
        return found.TryGetProperty("freeBytes", out var free)
            ? $"{text}: by copies, for which {VerifyCommand.Bytes(free.GetInt64())} are free." : $"{text}: by copies.";

        long Number(string field) => found.GetProperty(field).GetInt64();

        string Count(string field, string one) => VerifyCommand.Count(Number(field), one);
    }

    public static void Print(ImportReport done)
    {
        var links = done.Linked > 0 ? $", {done.Linked:N0} of them as hard links" : "";
        Console.WriteLine(
            $"Imported {VerifyCommand.Count(done.Manifests, "manifest")} of {done.FoundManifests:N0}, "
            + $"{VerifyCommand.Count(done.Tags, "tag")} of {done.FoundTags:N0} and "
            + $"{VerifyCommand.Count(done.Blobs, "blob")} ({VerifyCommand.Bytes(done.Bytes)}{links}).");
        if (done.LeftFiles == 0) return;
        Console.WriteLine(
            $"{VerifyCommand.Count(done.LeftFiles, "file")} ({VerifyCommand.Bytes(done.LeftBytes)}) "
            + "stay behind: no manifest that was imported needs them.");
    }

    private static async Task PrintAsync(ApiCall call, JsonElement import)
    {
        var done = ReportOf(import);
        Print(done);
        if (done.Notes == 0) return;
        var path = $"imports/{import.GetProperty("id").GetInt64()}/notes";
        var rows = new List<string[]>();
        await foreach (var note in call.Api.EachAsync(path, call.Cancellation))
        {
            if (rows.Count == ShownNotes) break;
            rows.Add([Text(note, "kind"), Text(note, "subject"), Text(note, "detail")]);
        }

        Console.WriteLine();
        Table.Print(["WHAT", "WHERE", "DETAIL"], rows);
        if (done.Notes > rows.Count)
            Console.WriteLine($"and {done.Notes - rows.Count:N0} more: GET /api/v1/{path} lists them");

        static string Text(JsonElement note, string field) => note.GetProperty(field).GetString()!;
    }
}
