using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Disk;

namespace Berth.Vulnerabilities;

/// <summary>A file that was fetched.</summary>
/// <param name="Address">Where from.</param>
/// <param name="File">Its name in the folder of copies.</param>
/// <param name="Sha256">Of its content, in hexadecimal digits.</param>
/// <param name="SizeBytes">Of its content.</param>
/// <param name="ETag">What the server calls this content, if it does.</param>
/// <param name="LastModified">When the server says that it was made.</param>
internal sealed record FetchedCopy(
    string Address, string File, string Sha256, long SizeBytes, string? ETag, DateTimeOffset? LastModified);

/// <summary>
/// The folder of what was fetched: for each file the copy, named by its content, and what is known of it. What is known
/// is replaced last and whole, so that it is never of another copy.
/// </summary>
internal sealed class FetchedCopies(string folder)
{
    private const int MaxStateBytes = 64 << 10;

    /// <summary>The copy of a file; null if there is none, or not all of it.</summary>
    public FetchedCopy? Find(string name) => Read(StatePathOf(name));

    /// <summary>The copies of all files whose address begins so.</summary>
    public IEnumerable<FetchedCopy> Below(string address) => !Directory.Exists(folder) ? []
        : Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal).Select(Read)
            .OfType<FetchedCopy>().Where(copy => copy.Address.StartsWith(address, StringComparison.Ordinal));

    private FetchedCopy? Read(string path)
    {
        try
        {
            var state = new FileInfo(path);
            if (!state.Exists || state.Length > MaxStateBytes) return null;
            var copy = JsonSerializer.Deserialize(
                File.ReadAllBytes(state.FullName), FetchedCopyJson.Default.FetchedCopy);
            if (copy?.File is null || copy.File != Path.GetFileName(copy.File)) return null;
            var content = new FileInfo(PathOf(copy));
            return content.Exists && content.Length == copy.SizeBytes ? copy : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public string PathOf(FetchedCopy copy) => Path.Combine(folder, copy.File);

    /// <summary>A place for a file that is being fetched.</summary>
    public string Begin(string name)
    {
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, KeyOf(name) + ".new");
    }

    /// <summary>Takes a file that was fetched whole as the copy.</summary>
    public FetchedCopy Keep(string name, string fetched, FetchedCopy facts)
    {
        var copy = facts with { File = $"{KeyOf(name)}-{facts.Sha256}" };
        using (var file = File.OpenHandle(fetched, FileMode.Open, FileAccess.ReadWrite)) DiskSync.File(file, fetched);
        File.Move(fetched, PathOf(copy), overwrite: true);
        Write(name, copy);
        foreach (var path in Directory.GetFiles(folder, KeyOf(name) + "-*"))
            if (Path.GetFileName(path) != copy.File) File.Delete(path);
        return copy;
    }

    /// <summary>Notes something else of the same content.</summary>
    public void Write(string name, FetchedCopy copy)
    {
        var (path, beside) = (StatePathOf(name), StatePathOf(name) + ".new");
        File.WriteAllBytes(beside, JsonSerializer.SerializeToUtf8Bytes(copy, FetchedCopyJson.Default.FetchedCopy));
        using (var file = File.OpenHandle(beside, FileMode.Open, FileAccess.ReadWrite)) DiskSync.File(file, beside);
        File.Move(beside, path, overwrite: true);
        DiskSync.Folder(folder);
    }

    /// <summary>Fetches it anew the next time, whether it has changed or not.</summary>
    public void Doubt(string path)
    {
        var name = Path.GetFileName(path);
        if (Path.GetDirectoryName(path) == folder) File.Delete(Path.Combine(folder, name.Split('-')[0] + ".json"));
    }

    /// <summary>Deletes all others.</summary>
    public void KeepOnly(IEnumerable<string> names)
    {
        if (!Directory.Exists(folder)) return;
        var keys = names.Select(KeyOf).ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.GetFiles(folder))
            if (!keys.Contains(Path.GetFileName(path).Split('-', '.')[0])) File.Delete(path);
    }

    private static string KeyOf(string name) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16));

    private string StatePathOf(string name) => Path.Combine(folder, KeyOf(name) + ".json");
}

/// <summary>How what is known of copies is written.</summary>
[JsonSerializable(typeof(FetchedCopy))]
internal sealed partial class FetchedCopyJson : JsonSerializerContext;
