using System.IO.Compression;
using System.Text.Json;

namespace Berth.Packages;

/// <summary>What cargo-auditable writes into programs of Rust: JSON, packed with zlib, that lists the crates.</summary>
internal static class RustDependencies
{
    private const int MaxPackedBytes = 4 << 20;
    private const int MaxUnpackedBytes = 8 << 20;

    /// <summary>Adds the crates of a program. False if it says nothing of them.</summary>
    /// <exception cref="InvalidDataException">The list is damaged.</exception>
    public static bool Read(ProgramLayout program, PackageFindings found)
    {
        if (program.Dependencies is not { Length: > 0 } part) return false;
        if (part.Length > MaxPackedBytes) throw new InvalidDataException();
        using var packed = program.File.Slice(part.Offset, part.Length).Open();
        using var unpacked = new ZLibStream(packed, CompressionMode.Decompress);
        try
        {
            using var document = JsonDocument.Parse(ZipContent.Read(unpacked, MaxUnpackedBytes));
            Add(document.RootElement, found);
        }
        catch (JsonException)
        {
            throw new InvalidDataException();
        }

        return true;
    }

    private static void Add(JsonElement root, PackageFindings found)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("packages", out var packages)
            || packages.ValueKind != JsonValueKind.Array)
        {
            throw new InvalidDataException();
        }

        foreach (var crate in packages.EnumerateArray())
        {
            // Others are the program's own, or from somebody's repository. Those that only ran to build it are not in
            // it.
            if (TextOf(crate, "source") != "crates.io" || TextOf(crate, "kind") == "build") continue;
            if (PackageFields.Make("cargo", TextOf(crate, "name"), TextOf(crate, "version")) is { } package)
                found.Add(package);
        }
    }

    private static string? TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? JsonTexts.Read(value) : null;
}
