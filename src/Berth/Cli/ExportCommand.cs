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
    /// <summary>A list of digests that is longer is something else, in bytes.</summary>
    private const int MaxListBytes = 256 << 20;

    public static Command Create()
    {
        var images = new Argument<string[]>("IMAGE")
        {
            Description = "Images, such as acme/app:1; without a tag, all tags of the repository.",
            Arity = ArgumentArity.OneOrMore,
        };
        var to = new Option<string>("--to", "-o")
        {
            Description = "The archive (.tar), or the folder, which may have an OCI layout already.",
            Required = true,
        };
        var known = new Option<string[]>("--known")
        {
            Description = "An earlier export, or a file with digests: their blobs are left out. May be repeated.",
        };
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be written.");
        return ApiCommand.Create(
            "export",
            "Write images with all that belongs to them to an OCI layout: a folder, or an archive that docker load "
            + "reads too.",
            call => RunAsync(
                call, call.Parsed.GetValue(images)!, call.Parsed.GetValue(to)!, call.Parsed.GetValue(known) ?? [],
                call.Parsed.GetValue(dryRun)),
            images, to, known, dryRun);
    }

    private static async Task RunAsync(ApiCall call, string[] images, string to, string[] known, bool isDryRun)
    {
        var left = new HashSet<Digest>();
        foreach (var path in known) await AddKnownAsync(left, path, call.Cancellation);
        if (call.Api.Settings is not { } settings)
        {
            using var remote = call.Api.OpenImages();
            await RunAsync(call, new ImageExport(remote.Source, left), images, to, isDryRun);
            return;
        }

        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        using var bucket = ObjectBlobStore.Open(
            settings.Storage, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance);
        IBlobStore store = bucket is not null
            ? bucket : new FileBlobStore(Path.GetFullPath(settings.Storage.Filesystem.RootDirectory));
        await RunAsync(call, new ImageExport(new OwnImageSource(database, store), left), images, to, isDryRun);
    }

    private static async Task RunAsync(
        ApiCall call, ImageExport export, string[] images, string to, bool isDryRun)
    {
        foreach (var image in images) await export.AddAsync(image, call.Cancellation);
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
        }

        var report = export.Report;
        var (manifests, blobs) = (Count(report.Manifests, "manifest"), Count(report.Blobs, "blob"));
        var text = $"{manifests} and {blobs} ({VerifyCommand.Bytes(report.Bytes)})"
            + (report.Known > 0 ? $", without {Count(report.Known, "blob")} that the other side has" : "");
        Console.WriteLine(isDryRun ? $"An export would write {text}." : $"Exported {text} to {to}.");

        static string Count(long count, string noun) => VerifyCommand.Count(count, noun);
    }

    /// <summary>Reads what the other side has: from what was exported before, or from a list.</summary>
    private static async Task AddKnownAsync(HashSet<Digest> known, string path, CancellationToken cancellation)
    {
        if (!Path.Exists(path)) throw new InvalidDataException($"there is no {path}");
        if (File.Exists(path) && new FileInfo(path).Length <= MaxListBytes
            && await ReadListAsync(path, cancellation) is { } list)
        {
            known.UnionWith(list);
            return;
        }

        using var archive = await ImageArchive.OpenAsync(path, cancellation);
        known.UnionWith(archive.Digests());
    }

    /// <summary>Digests, one in a line; null if it is something else.</summary>
    private static async Task<List<Digest>?> ReadListAsync(string path, CancellationToken cancellation)
    {
        var digests = new List<Digest>();
        await foreach (var line in File.ReadLinesAsync(path, cancellation))
        {
            if (line.Length == 0) continue;
            if (!Digest.TryParse(line.Trim(), out var digest)) return null;
            digests.Add(digest);
        }

        return digests;
    }
}
