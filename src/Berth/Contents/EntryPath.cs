using System.Text;

namespace Berth.Contents;

/// <summary>Paths in layers, which lead nowhere else.</summary>
internal static class EntryPath
{
    private const string Whiteout = ".wh.";

    /// <summary>Notes of aufs to itself begin so, too.</summary>
    private const string OfAufs = ".wh..wh.";

    private const string Opaque = ".wh..wh..opq";

    /// <summary>
    /// A path without slashes at its ends and without single dots. One that begins with a slash is one in the image,
    /// as it is for whoever unpacks it.
    /// </summary>
    /// <exception cref="LayerFaultException">It leads out of the image, or is too long.</exception>
    public static string Normalize(string name, int maxBytes)
    {
        if (name.Length > maxBytes || Encoding.UTF8.GetByteCount(name) > maxBytes)
            throw new LayerFaultException($"a path has more than {maxBytes} bytes (contents.pathbytes)");
        if (name.Contains('\0', StringComparison.Ordinal))
            throw new LayerFaultException("a path has a NUL character");
        if (IsNormal(name)) return name;
        var parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToList();
        return parts.Contains("..")
            ? throw new LayerFaultException($"a path leads out of it: {Shown(name)}") : string.Join('/', parts);
    }

    /// <summary>
    /// What a file with a name of a whiteout means: what is taken away, or the folder in which everything is.
    /// </summary>
    /// <returns>Null if it is none; an empty path if it means nothing to anybody but aufs.</returns>
    /// <exception cref="LayerFaultException">It takes away nothing that there can be.</exception>
    public static (string Path, EntryKind Kind)? ReadWhiteout(string path)
    {
        var slash = path.LastIndexOf('/');
        var (folder, name) = (path[..Math.Max(0, slash)], path[(slash + 1)..]);
        if (!name.StartsWith(Whiteout, StringComparison.Ordinal)) return null;
        if (name == Opaque) return (folder, EntryKind.OpaqueWhiteout);
        if (name.StartsWith(OfAufs, StringComparison.Ordinal)) return ("", EntryKind.Whiteout);
        var gone = name[Whiteout.Length..];
        if (gone is "" or "." or "..")
            throw new LayerFaultException($"it takes away what can't be there: {Shown(path)}");
        return (folder.Length == 0 ? gone : $"{folder}/{gone}", EntryKind.Whiteout);
    }

    /// <summary>As much of a path as a message has.</summary>
    private static string Shown(string path) => path.Length > 100 ? path[..100] + "…" : path;

    /// <summary>Most are.</summary>
    private static bool IsNormal(string name)
    {
        var start = 0;
        for (var i = 0; i <= name.Length; i++)
        {
            if (i < name.Length && name[i] != '/') continue;
            if (name.AsSpan(start, i - start) is "" or "." or "..") return false;
            start = i + 1;
        }

        return true;
    }
}
