using Berth.Metadata;

namespace Berth.Tests;

/// <summary>A SQLite file with all tables, made once: a test's own migrations would take most of its start.</summary>
internal static class MigratedFile
{
    private static readonly Lazy<Task<byte[]>> Bytes = new(MakeAsync);

    /// <summary>Puts one into a new folder, as a registry keeps it there.</summary>
    public static async Task CreateInAsync(string folder)
    {
        var bytes = await Bytes.Value;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var file = new FileStream(Path.Combine(folder, "berth.db"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await file.WriteAsync(bytes);
    }

    private static async Task<byte[]> MakeAsync()
    {
        var folder = Directory.CreateTempSubdirectory("berth-migrated-");
        try
        {
            var path = Path.Combine(folder.FullName, "berth.db");
            await (await SqliteDatabase.OpenAsync(path)).DisposeAsync();
            return await File.ReadAllBytesAsync(path);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
