using System.CommandLine;
using System.Text.Json;
using Berth.Blobs;
using Berth.Hosting;
using Berth.Import;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace Berth.Cli;

/// <summary><c>berth export</c>: writes images to an archive or a folder, to be carried elsewhere.</summary>
internal static class ExportCommand
{
    /// <summary>More would hide the summary.</summary>
    private const int ShownMissing = 40;

    public static Command Create()
    {
        var images = new Argument<string[]>("IMAGE")
        {
            Description = "Images, such as acme/app:1; without a tag, all tags of the repository; with wildcards, as "
                + "in acme/**, those of all repositories that match.",
            Arity = ArgumentArity.OneOrMore,
        };
        var to = new Option<string>("--to", "-o")
        {
            Description = "The archive (.tar), or the folder, which may have an OCI layout already.",
            Required = true,
        };
        var content = new Option<string[]>("--known")
        {
            Description = "An earlier export, or a file with digests: their blobs are left out. May be repeated.",
        };
        var since = new Option<string[]>("--since")
        {
            Description = "An earlier export, or its list: images that have not changed since, and all blobs that it "
                + "had, are left out. May be repeated.",
        };
        var list = ApiCommand.Text(
            "--list", "File for a list of what the other side has once it has this export: for --since of the next.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be written.");
        return ApiCommand.Create(
            "export",
            "Write images with all that belongs to them to an OCI layout: a folder, or an archive that docker load "
            + "reads too.",
            async call =>
            {
                var known = new ExportedList();
                foreach (var path in call.Parsed.GetValue(content) ?? [])
                    await known.ReadAsync(path, withImages: false, call.Cancellation);
                foreach (var path in call.Parsed.GetValue(since) ?? [])
                    await known.ReadAsync(path, withImages: true, call.Cancellation);
                await RunAsync(
                    call, known, call.Parsed.GetValue(images)!, call.Parsed.GetValue(to)!, call.Parsed.GetValue(list),
                    call.Parsed.GetValue(dryRun));
            },
            images, to, since, content, list, dryRun);
    }

    private static async Task RunAsync(
        ApiCall call, ExportedList known, string[] images, string to, string? list, bool isDryRun)
    {
        if (call.Api.Settings is not { } settings)
        {
            using var remote = call.Api.OpenImages();
            await RunAsync(call, new ImageExport(remote.Source, known), images, to, list, isDryRun);
            return;
        }

        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        using var bucket = ObjectBlobStore.Open(
            settings.Storage, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance);
        IBlobStore store = bucket is not null
            ? bucket : new FileBlobStore(Path.GetFullPath(settings.Storage.Filesystem.RootDirectory));
        await RunAsync(
            call, new ImageExport(new OwnImageSource(database, store), known), images, to, list, isDryRun);
    }

    private static async Task RunAsync(
        ApiCall call, ImageExport export, string[] images, string to, string? list, bool isDryRun)
    {
        foreach (var image in images) await AddAsync(call, export, image);
        if (export.IsEmpty)
        {
            if (list is not null && !isDryRun) await export.After.WriteAsync(list, call.Cancellation);
            Console.WriteLine("Nothing has changed since: there is nothing to export.");
            return;
        }

        if (!isDryRun)
        {
            await using var writer = LayoutWriter.Create(to);
            var work = Task.Run(() => export.WriteAsync(writer, call.Cancellation), call.Cancellation);
            await WorkDisplay.ShowAsync(
                work, "Exporting", [new DownloadedColumn(), new TransferSpeedColumn()],
                bar =>
                {
                    bar.MaxValue = Math.Max(1, export.Report.Bytes);
                    bar.Value = Math.Min(export.BytesWritten, bar.MaxValue);
                },
                () => $"{VerifyCommand.Bytes(export.BytesWritten)} of {VerifyCommand.Bytes(export.Report.Bytes)}");
            await work;
            if (list is not null) await export.After.WriteAsync(list, call.Cancellation);
        }

        var report = export.Report;
        var (manifests, blobs) = (Count(report.Manifests, "manifest"), Count(report.Blobs, "blob"));
        var text = $"{manifests} and {blobs} ({VerifyCommand.Bytes(report.Bytes)})"
            + (report.Known > 0 ? $", without {Count(report.Known, "blob")} that the other side has" : "")
            + (report.Unchanged > 0 ? $", and without {Count(report.Unchanged, "image")} that did not change" : "");
        Console.WriteLine(isDryRun ? $"An export would write {text}." : $"Exported {text} to {to}.");
        if (export.Missing.Count == 0) return;
        foreach (var missing in export.Missing.Take(ShownMissing)) await Console.Error.WriteLineAsync(missing);
        throw new ApiRefusalException(
            $"the export is not complete: {Count(export.Missing.Count, "image")} that an index lists "
            + $"{(export.Missing.Count == 1 ? "is" : "are")} missing here");

        static string Count(long count, string noun) => VerifyCommand.Count(count, noun);
    }

    /// <summary>Adds an image, all of a repository, or all of those that match.</summary>
    private static async Task AddAsync(ApiCall call, ImageExport export, string image)
    {
        if (!image.Contains('*', StringComparison.Ordinal))
        {
            await export.AddAsync(image, mayBeEmpty: false, call.Cancellation);
            return;
        }

        if (!NamePattern.TryParse(image, out var pattern))
            throw new InvalidDataException($"'{image}' matches no repository: write acme/* or acme/**");
        var isAny = false;
        await foreach (var repository in call.Api.EachAsync("repositories", call.Cancellation))
        {
            var name = repository.GetProperty("name").GetString()!;
            if (!pattern.Matches(name)) continue;
            await export.AddAsync(name, mayBeEmpty: true, call.Cancellation);
            isAny = true;
        }

        if (!isAny) throw new InvalidDataException($"no repository matches {image}");
    }
}
