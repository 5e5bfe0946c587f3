using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Import;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// <c>berth import URL</c>: copies images from another registry over the network. The command does it itself, and no
/// server: so passwords of the other registry are written down nowhere, and nobody can have a server ask addresses of
/// their choice.
/// </summary>
internal sealed class NetworkImport(ApiCall call, SourceOptions options)
{
    /// <summary>More would scroll away the summary.</summary>
    private const int ShownNotes = 40;

    /// <param name="source">The address.</param>
    /// <param name="to">What stands here for its path; null: the same.</param>
    /// <param name="overwrites">Whether tags move that somebody has pushed here.</param>
    /// <param name="isDryRun">Whether it only tells what it would do.</param>
    /// <param name="isSure">Whether nobody is asked.</param>
    public async Task RunAsync(string source, string? to, bool overwrites, bool isDryRun, bool isSure)
    {
        var address = SourceAddress.Parse(source);
        var selection = await options.ReadAsync(call.Parsed, address, to, call.Cancellation);
        var parallel = options.Parallel(call.Parsed);
        var credentials = await options.ReadCredentialsAsync(call.Parsed, address, call.Cancellation);
        if (credentials is not null && address.Root is { Scheme: "http", IsLoopback: false })
        {
            await Console.Error.WriteLineAsync(
                $"berth import: without TLS, others can read the password of {credentials.User} on its way");
        }

        using var client = new SourceClient(
            address, credentials, options.ReadTls(call.Parsed), TimeProvider.System);
        await using var target = await OpenTargetAsync(isDryRun);
        var registry = new SourceRegistry(client, target?.Sink.MaxManifestBytes ?? 0);
        List<CopiedRepository> copied;
        List<LeftOut> left;
        try
        {
            (copied, left) = await selection.FindAsync(registry, call.Cancellation);
        }
        catch (SourceException e)
        {
            throw new InvalidDataException(e.Message, e);
        }

        if (isDryRun || !isSure)
        {
            Print(copied, left);
            if (isDryRun) return;
            await StandardInput.ConfirmAsync($"This copies them from {address.Host}.", "--yes", call.Cancellation);
        }

        await CopyAsync(registry, target!, copied, left, parallel, overwrites);
    }

    private async Task CopyAsync(
        SourceRegistry registry, Target target, List<CopiedRepository> copied, List<LeftOut> left, int parallel,
        bool overwrites)
    {
        var progress = new ImportProgress();
        using var copy = new RegistryCopy(
            registry, target.Sink, parallel, overwrites ? (_, _, _) => Task.FromResult<string?>(null) : target.Keeps,
            progress);
        foreach (var (kind, subject, reason) in left) copy.Fail(kind, subject, reason);
        var work = Task.Run(() => copy.RunAsync(copied, call.Cancellation), call.Cancellation);
        if (!call.IsJson) await ShowAsync(work, progress);
        string? end = null;
        try
        {
            await work;
        }
        catch (Exception e) when (e is SourceException or HttpRequestException or IOException)
        {
            end = $"{ApiConnection.Explain(e)}: run it again to go on; what it brought stays";
        }

        Print(call, progress);
        if (end is not null) throw new ApiRefusalException(end);
        if (copy.Failed > 0)
        {
            throw new ApiRefusalException(
                $"{copy.Failed:N0} could not be copied: run it again to try these again; what is here is passed over");
        }
    }

    /// <summary>
    /// How many tags there are is known from the start. How many bytes is not, before the last manifest has come: a
    /// total that grows would mislead.
    /// </summary>
    private static Task ShowAsync(Task work, ImportProgress progress)
    {
        return WorkDisplay.ShowAsync(
            work, "Importing", [],
            bar =>
            {
                bar.MaxValue = Math.Max(1, progress.WantedTags);
                bar.Value = Math.Min(progress.EndedTags, bar.MaxValue);
                bar.Description = Text();
            },
            Text);

        string Text() => $"{progress.EndedTags:N0} of {VerifyCommand.Count(progress.WantedTags, "tag")}, "
            + $"{VerifyCommand.Bytes(progress.Report.Bytes)} so far";
    }

    /// <summary>Prints what was brought, and what was not.</summary>
    public static void Print(ApiCall call, ImportProgress progress)
    {
        var (report, notes) = (progress.Report, progress.TakeNotes());
        if (call.IsJson)
        {
            var done = new JsonObject
            {
                ["repositories"] = report.Repositories,
                ["manifests"] = report.Manifests,
                ["tags"] = report.Tags,
                ["blobs"] = report.Blobs,
                ["bytes"] = report.Bytes,
                ["foundManifests"] = report.FoundManifests,
                ["foundTags"] = report.FoundTags,
                ["notes"] = report.Notes,
            };
            var items = notes.Select(note => (JsonNode)new JsonObject
            {
                ["kind"] = note.Kind,
                ["subject"] = note.Subject,
                ["detail"] = note.Detail,
            });
            Console.WriteLine(new JsonObject { ["done"] = done, ["notes"] = new JsonArray([.. items]) }.ToJsonString());
            return;
        }

        ImportCommand.Print(report);
        if (notes.Count == 0) return;
        Console.WriteLine();
        Table.Print(
            ["WHAT", "WHERE", "DETAIL"],
            [.. notes.Take(ShownNotes).Select(note => new[] { note.Kind, note.Subject, note.Detail })]);
        if (report.Notes > ShownNotes)
            Console.WriteLine($"and {report.Notes - ShownNotes:N0} more: --json has them");
    }

    private void Print(List<CopiedRepository> copied, List<LeftOut> left)
    {
        if (call.IsJson)
        {
            var items = copied.Select(one => (JsonNode)new JsonObject
            {
                ["repository"] = one.From,
                ["target"] = one.To.Text,
                ["tags"] = new JsonArray([.. one.Tags.Select(tag => (JsonNode)tag.Text)]),
            });
            Console.WriteLine(new JsonObject { ["repositories"] = new JsonArray([.. items]) }.ToJsonString());
            return;
        }

        Table.Print(
            ["REPOSITORY", "TAGS", "GOES TO"],
            copied.ConvertAll(one => new[] { one.From, $"{one.Tags.Count:N0}", one.To.Text }));
        foreach (var one in left) Console.WriteLine($"{one.Subject}: {one.Reason}");
        Console.WriteLine(
            $"{(copied.Count == 1 ? "1 repository" : $"{copied.Count:N0} repositories")} with "
            + $"{VerifyCommand.Count(copied.Sum(one => (long)one.Tags.Count), "tag")}.");
    }

    /// <summary>The registry here. A data folder that a server uses is the server's alone.</summary>
    private async Task<Target?> OpenTargetAsync(bool isDryRun)
    {
        if (isDryRun) return null;
        if (call.Api.Settings is not { } settings)
        {
            var me = (await call.Api.AskAsync("GET", "me", null, call.Cancellation)).GetProperty("name").GetString()!;
            return new Target(call, me, call.Api.OpenImages(), node: null);
        }

        if (settings.Storage.Maintenance.ReadOnly.Enabled)
            throw new ApiRefusalException("nothing is imported while storage.maintenance.readonly is on");
        var node = await LocalNode.StartAsync(settings, call.Cancellation) ?? throw new InvalidDataException(
            "a server uses the data folder, which has one writer: bring the images to that server, as one who may push "
            + $"there, with --server, as in --server {AddressOf(settings.Http)} --user admin");
        return new Target(call, TagIntake.Actor.Name, images: null, node);
    }

    /// <summary>Where it probably is.</summary>
    private static string AddressOf(HttpSettings http)
    {
        if (http.Host is { } known) return known;
        var scheme = http.Tls.Certificate is null ? "http" : "https";
        return ListenAddress.TryParse(http.Addr, out var address) && address.Port > 0
            ? $"{scheme}://localhost:{address.Port}" : $"{scheme}://localhost:5000";
    }

    private sealed class Target(ApiCall call, string actor, RemoteImages? images, LocalNode? node) : IAsyncDisposable
    {
        public ImageSink Sink { get; } = images?.Sink ?? node!.SinkFor(actor);

        /// <summary>What somebody else has pushed here stays: it is newer than the source, which is on its way out.
        /// </summary>
        public async Task<string?> Keeps(RepositoryName repository, Tag tag, CancellationToken cancellation)
        {
            var path = $"tags/{tag}?repository={Uri.EscapeDataString(repository.Text)}";
            JsonElement found;
            try
            {
                found = await call.Api.AskAsync("GET", path, null, cancellation);
            }
            catch (ApiRefusalException)
            {
                // It is gone, or nobody but a pusher may see it: then it is not for us to protect.
                return null;
            }

            // Those without a name are told no names but theirs.
            var by = found.TryGetProperty("movedBy", out var name) ? name.GetString() : "somebody else";
            return by == actor ? null
                : $"it is {found.GetProperty("digest").GetString()} here, pushed by {by}; --overwrite moves it";
        }

        public async ValueTask DisposeAsync()
        {
            images?.Dispose();
            if (node is not null) await node.DisposeAsync();
        }
    }
}
