namespace Berth.Packages;

/// <summary>What the name of an archive of Java says: <c>commons-io-2.11.0.jar</c>.</summary>
internal sealed class JarName
{
    private static readonly string[] BeforeNumbers =
        ["rc", "alpha", "beta", "milestone", "build", "snapshot", "r", "m"];

    public JarName(string path)
    {
        var name = path[(path.LastIndexOf('/') + 1)..];
        var parts = name[..name.LastIndexOf('.')].Split('-');
        var version = Array.FindLastIndex(parts, IsNumber);
        // Versions have more than one such part, and names may have some too: log4j-1.2-api-2.17.1.
        while (version > 1 && (IsNumber(parts[version - 1]) || IsBeforeNumber(parts[version - 1]))) version--;
        // A name without a number before it was no version.
        if (version > 0 && !IsNumber(parts[version])) version = Array.FindLastIndex(parts, IsNumber);
        Artifact = version > 0 ? string.Join('-', parts[..version]) : string.Join('-', parts);
        Version = version > 0 ? string.Join('-', parts[version..]) : null;
    }

    public string Artifact { get; }

    /// <summary>Null if it has none.</summary>
    public string? Version { get; }

    /// <summary>Whether a library is the archive that is called so. It may have been renamed, or its group put before
    /// its name.</summary>
    public bool IsOf(Package library) =>
        library.Name[(library.Name.IndexOf(':') + 1)..] == Artifact || library.Version == Version;

    private static bool IsNumber(string part) => part.Length > 0 && char.IsAsciiDigit(part[0]);

    private static bool IsBeforeNumber(string part) => BeforeNumbers.Contains(part, StringComparer.OrdinalIgnoreCase);
}
