using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>A file of a backup, which lies among its blobs under its digest.</summary>
internal sealed record BackupFile(string Digest, long Bytes)
{
    [JsonIgnore]
    public Digest Parsed => Oci.Digest.Parse(Digest);
}

/// <summary>
/// A backup: a point in time of the metadata, and the blobs that it needs. Written last: what has no manifest is
/// unfinished.
/// </summary>
/// <param name="Format">Of this file and of all that it names.</param>
/// <param name="Berth">The version that wrote it.</param>
/// <param name="Migration">The last migration of the tables in it.</param>
/// <param name="StartedAt">Its point in time is a moment after this.</param>
/// <param name="EndedAt">When it was complete.</param>
/// <param name="Metadata">A SQLite file, compressed with gzip.</param>
/// <param name="List">A line for each blob, in their order: digest and length.</param>
/// <param name="Repositories">How many.</param>
/// <param name="Tags">How many.</param>
/// <param name="Manifests">How many.</param>
/// <param name="Blobs">How many.</param>
/// <param name="Bytes">Their length.</param>
/// <param name="NewBlobs">Those that were not there from earlier backups.</param>
/// <param name="NewBytes">Their length.</param>
/// <param name="Missing">Blobs that manifests need, but that the registry had lost or damaged.</param>
internal sealed record BackupManifest(
    int Format, string Berth, int Migration, DateTimeOffset StartedAt, DateTimeOffset EndedAt, BackupFile Metadata,
    BackupFile List, long Repositories, long Tags, long Manifests, long Blobs, long Bytes, long NewBlobs, long NewBytes,
    long Missing)
{
    public const int KnownFormat = 1;

    /// <summary>The mark of the registry that made it; null in backups from before they had one.</summary>
    public string? Registry { get; init; }

    /// <summary>Its number in its place, which tells what is newest: clocks jump. 0 if it has none.</summary>
    public long Sequence { get; init; }

    /// <summary>The first of the <see cref="Missing"/> blobs, each with the reason.</summary>
    public IReadOnlyList<string>? Lacking { get; init; }

    /// <summary>JSON in one line, and its digest in the next.</summary>
    public byte[] Write()
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest);
        return [.. json, .. Encoding.ASCII.GetBytes($"\n{Digest.Of(DigestAlgorithm.Sha256, json)}\n")];
    }

    /// <exception cref="InvalidDataException">It is damaged, or of a newer Berth.</exception>
    public static BackupManifest Read(byte[] content)
    {
        var end = content.AsSpan().IndexOf((byte)'\n');
        if (end < 0) throw new InvalidDataException("its manifest is cut off");
        var digest = Digest.Of(DigestAlgorithm.Sha256, content.AsSpan(0, end));
        if (Encoding.ASCII.GetString(content.AsSpan(end)).Trim() != digest.Text)
            throw new InvalidDataException("its manifest is damaged: it has another digest");
        try
        {
            using var document = JsonDocument.Parse(content.AsMemory(0, end));
            var format = document.RootElement.GetProperty("format").GetInt32();
            if (format > KnownFormat)
            {
                throw new InvalidDataException(
                    $"it has format {format}, and this Berth only knows {KnownFormat}: run a newer Berth");
            }

            return JsonSerializer.Deserialize(content.AsSpan(0, end), BackupJson.Default.BackupManifest)!;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException
            or InvalidOperationException)
        {
            throw new InvalidDataException($"its manifest can't be read: {e.Message}", e);
        }
    }
}

/// <summary>What backups write, with code generated for it.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(BackupManifest))]
internal sealed partial class BackupJson : JsonSerializerContext;
