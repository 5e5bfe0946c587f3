using System.Globalization;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Import;

/// <summary>
/// An import that somebody asked for, and waits for. It runs on the machine on which it was asked for: the path means
/// nothing on others. If its node dies, it goes on where it was; if it fails, whoever waits hears why.
/// </summary>
internal sealed partial class ImportJob(
    RegistryImport registries, ImportParts parts, RegistrySettings settings, Database database, TimeProvider clock,
    ILogger<ImportJob> log) : Job
{
    private static readonly TimeSpan BetweenReports = TimeSpan.FromSeconds(1);

    public override string Kind => KindIn(settings);

    public override Lane Lane => Lane.Heavy;

    /// <summary>Long enough for a bucket of many terabytes.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromDays(14);

    /// <summary>
    /// The kind that the nodes of this machine take. A data folder has one node at most, whatever name its container
    /// gives the machine.
    /// </summary>
    public static string KindIn(RegistrySettings settings) =>
        settings.Storage.IsRemote && settings.Database.Host is not null
            ? $"import@{Environment.MachineName}" : "import";

    /// <summary>Records that an import is wanted, and adds its job; the same one that is not over yet is joined.
    /// </summary>
    public static async ValueTask<ImportRow> AddAsync(
        Session session, JobTable jobs, RegistrySettings settings, ImportRow wanted)
    {
        var kind = KindIn(settings);
        if (await ImportTable.FindActiveAsync(session, wanted.Source, wanted.Target, kind) is { } active)
            return active;
        var row = await ImportTable.AddAsync(session, wanted);
        await jobs.AddAsync(session, kind, row.Id.ToString(CultureInfo.InvariantCulture));
        return row;
    }

    /// <param name="payload">The number of the import.</param>
    /// <param name="cancellation">As <see cref="Job.RunAsync"/> has it.</param>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var id = long.Parse(payload, CultureInfo.InvariantCulture);
        if (await database.ReadAsync(session => ImportTable.FindAsync(session, id), cancellation) is not { } row)
            return;

        // After a crash it looks at everything again, and counts on what it brings.
        row = row with { State = ImportStates.Running, StartedAt = row.StartedAt ?? clock.GetUtcNow() };
        var (before, progress) = (row.Done, new ImportProgress());
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var work = Task.CompletedTask;
        try
        {
            await WriteAsync(row, [], isAnew: true, cancellation);
            work = Task.Run(() => ImportAsync(row, progress, ending.Token), ending.Token);
            while (!work.IsCompleted)
            {
                await Task.WhenAny(work, Task.Delay(BetweenReports, cancellation));
                row = row with { Done = Sum(before, progress.Report) };
                await WriteAsync(row, progress.TakeNotes(), isAnew: false, CancellationToken.None);
            }

            await work;
            row = row with { State = ImportStates.Done, EndedAt = clock.GetUtcNow(), Error = null };
            var done = row.Done;
            LogDone(row.Source, done.Repositories, done.Manifests, done.Tags, done.Blobs, done.Bytes);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            var error = DiskFull.IsCauseOf(e)
                ? $"there is no space left ({e.Message}): make room, and run it again; what it brought stays"
                : e.Message;
            row = row with { State = ImportStates.Failed, EndedAt = clock.GetUtcNow(), Error = error };
            LogFailed(e, row.Source);
        }
        finally
        {
            // It must not go on beside the next attempt, or after it was said to have failed.
            await ending.CancelAsync();
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            row = row with { Done = Sum(before, progress.Report) };
            await WriteAsync(row, progress.TakeNotes(), isAnew: false, CancellationToken.None);
        }
    }

    private async Task ImportAsync(ImportRow row, ImportProgress progress, CancellationToken cancellation)
    {
        if (ImportSource.KindOf(row.Source) == ImportKind.Images)
        {
            using var archive = await ImageArchive.OpenAsync(row.Source, cancellation);
            var sink = new OwnImageSink(parts, row.RequestedBy);
            await new ImageImport(archive, sink, progress).RunAsync(
                ImageTarget.Find(archive, row.Target), cancellation);
            return;
        }

        using var volume = await ImportSource.OpenRegistryAsync(row.Source, clock, log, cancellation);
        await registries.RunAsync(volume, row.Overwrites, progress, cancellation);
    }

    private static ImportReport Sum(ImportReport before, ImportReport now) => now with
    {
        Manifests = before.Manifests + now.Manifests,
        Tags = before.Tags + now.Tags,
        Blobs = before.Blobs + now.Blobs,
        Linked = before.Linked + now.Linked,
        Bytes = before.Bytes + now.Bytes,
        TotalFiles = before.Manifests + before.Blobs + now.TotalFiles,
        TotalBytes = before.Bytes + now.TotalBytes,
    };

    private async Task WriteAsync(
        ImportRow row, List<ImportNote> notes, bool isAnew, CancellationToken cancellation) =>
        await database.WriteAsync(
            async session =>
            {
                await ImportTable.UpdateAsync(session, row);
                if (isAnew) await ImportTable.ForgetNotesAsync(session, row.Id);
                await ImportTable.NoteAsync(session, row.Id, notes);
                return true;
            },
            isDurable: row.EndedAt is not null, cancellation);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Imported from {Source}: repositories: {Repositories}, manifests: {Manifests}, tags: {Tags}, blobs: {Blobs}, "
        + "of {Bytes} bytes")]
    private partial void LogDone(string source, long repositories, long manifests, long tags, long blobs, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "The import from {Source} failed")]
    private partial void LogFailed(Exception e, string source);
}
