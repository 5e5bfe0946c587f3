using Berth.Settings;

namespace Berth.Hosting;

/// <summary>The folder that holds everything, locked against a second Berth while this one uses it.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly FileStream held;

    private DataFolder(string root, string databasePath, FileStream held) =>
        (Root, DatabasePath, this.held) = (root, databasePath, held);

    public string Root { get; }

    public string DatabasePath { get; }

    /// <exception cref="IOException">Another Berth uses the folder, or it can't be written.</exception>
    public static DataFolder Open(RegistrySettings settings)
    {
        var root = Path.GetFullPath(settings.Storage.Filesystem.RootDirectory);
        Directory.CreateDirectory(root);
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(root, "berth.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"the data folder {root} is in use by another Berth, or can't be locked: {e.Message}", e);
        }

        return new DataFolder(root, settings.Database.Path ?? Path.Combine(root, "berth.db"), held);
    }

    public void Dispose() => held.Dispose();
}
