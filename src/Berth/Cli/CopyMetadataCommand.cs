using System.CommandLine;
using Berth.Hosting;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Cli;

/// <summary>
/// <c>berth copy-metadata</c>: copies a registry's metadata from SQLite to PostgreSQL, back, or between two databases
/// of a kind. Exits with 0 if the copy equals its source, 1 if it does not (and then nothing of it is kept), and 2 if
/// it could not run.
/// </summary>
internal static class CopyMetadataCommand
{
    private const string Forms = "a settings file (.yml), postgres://user@host:port/database, or a SQLite file";

    public static Command Create()
    {
        var from = new Option<string>("--from") { Description = $"The database to copy: {Forms}.", Required = true };
        var to = new Option<string>("--to") { Description = $"An empty database: {Forms}.", Required = true };
        var command = new Command(
            "copy-metadata",
            "Copy the metadata into an empty SQLite or PostgreSQL database and compare both. Servers must be "
            + "stopped. Blobs are not copied. Passwords come from settings files, PGPASSWORD or ~/.pgpass.")
        {
            from, to,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                return CopySide.Find(parsed.GetValue(from)!) is { } source
                    && CopySide.Find(parsed.GetValue(to)!) is { } target
                        ? await RunAsync(source, target, cancellation)
                        : 2;
            }
            catch (Exception e) when (e is StartException or IOException or InvalidDataException
                or UnauthorizedAccessException or SqliteException or NpgsqlException or DatabaseUnavailableException
                or DatabaseInUseException or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"berth copy-metadata: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(
        RegistrySettings from, RegistrySettings to, CancellationToken cancellation)
    {
        if (CopySide.PlaceOf(from) == CopySide.PlaceOf(to))
        {
            throw new InvalidDataException(
                $"--from and --to are the same database, {CopySide.PlaceOf(from)}; variables like "
                + "REGISTRY_DATABASE_HOST override both settings files");
        }

        var held = new List<IDisposable>();
        try
        {
            held.AddRange(CopySide.Hold([from, to]));
            await using var source = await CopySide.OpenSourceAsync(from);
            await using var target = await CopySide.OpenTargetAsync(to);
            Console.WriteLine($"Copying {source.Name} to {target.Name}");
            var tables = await CopyAsync(new MetadataCopy(source, target), cancellation);
            Print(tables);
            return Conclude(tables, target.Name);
        }
        finally
        {
            held.ForEach(folder => folder.Dispose());
        }
    }

    private static async Task<List<ComparedTable>> CopyAsync(MetadataCopy copy, CancellationToken cancellation)
    {
        var work = Task.Run(() => copy.RunAsync(cancellation), cancellation);
        await WorkDisplay.ShowAsync(
            work, "Starting", [],
            bar =>
            {
                bar.MaxValue = copy.RowsToDo;
                bar.Value = Math.Min(copy.RowsDone, bar.MaxValue);
                if (copy.Step.Length > 0) bar.Description = copy.Step;
            },
            () => $"{copy.Step}: {100 * copy.RowsDone / copy.RowsToDo} %");
        return await work;
    }

    private static void Print(List<ComparedTable> tables)
    {
        Console.WriteLine($"{"table",-20}{"rows",12}{"rows copied",14}  {"digest",-18}{"digest of the copy",-20}");
        foreach (var (name, source, target) in tables)
        {
            Console.WriteLine(
                $"{name,-20}{source.Rows,12:N0}{target.Rows,14:N0}  {source.Digest[..16],-18}{target.Digest[..16],-20}"
                + (source == target ? "same" : "DIFFERENT"));
        }
    }

    private static int Conclude(List<ComparedTable> tables, string target)
    {
        var rows = tables.Sum(t => t.Source.Rows);
        var different = tables.FindAll(t => !t.IsSame).ConvertAll(t => t.Name);
        Console.WriteLine(different.Count == 0
            ? $"{target} holds the same {rows:N0} rows."
            : $"The copy differs in {string.Join(", ", different)}. Nothing of it was kept: {target} is empty.");
        return different.Count == 0 ? 0 : 1;
    }
}
