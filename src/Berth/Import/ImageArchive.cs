using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Import;

/// <summary>An image in an archive.</summary>
/// <param name="Digest">Its manifest or index.</param>
/// <param name="Name">What it is called there: a tag, or a repository and a tag; null if nothing.</param>
/// <param name="Repository">If nothing: the repository that it comes from, as far as that is known.</param>
internal sealed record ArchivedImage(Digest Digest, string? Name, string? Repository = null);

/// <summary>
/// Images in a folder or an archive: an OCI layout (image-spec, image-layout.md), which new versions of <c>docker
/// save</c> write too, or what older ones write.
/// </summary>
internal sealed class ImageArchive : IDisposable
{
    /// <summary>Where what has no tag comes from, such as a signature: only exports of Berth have it.</summary>
    public const string RepositoryAnnotation = "berth.repository";

    /// <summary>The most images and files that are named: more than any archive has.</summary>
    private const int MaxEntries = 100_000;

    private static readonly JsonWriterOptions Plainly = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ArchiveFiles files;

    /// <summary>What is no file of the archive, since it was made from it.</summary>
    private readonly Dictionary<Digest, byte[]> made = [];

    /// <summary>Which file has which digest, if its name does not tell.</summary>
    private readonly Dictionary<Digest, string> places = [];

    private ImageArchive(ArchiveFiles files) => this.files = files;

    public string Name => files.Name;

    public List<ArchivedImage> Images { get; } = [];

    /// <exception cref="InvalidDataException">It is none, or damaged.</exception>
    public static async Task<ImageArchive> OpenAsync(string path, CancellationToken cancellation)
    {
        var archive = new ImageArchive(await ArchiveFiles.OpenAsync(path, cancellation));
        try
        {
            if (archive.files.LengthOf("index.json") is not null) await archive.ReadLayoutAsync(cancellation);
            else if (archive.files.LengthOf("manifest.json") is not null) await archive.ReadSavedAsync(cancellation);
            else throw new InvalidDataException($"{path} has no index.json or manifest.json: it holds no images");
            if (archive.Images.Count == 0) throw new InvalidDataException($"{path} holds no images");
            return archive;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            archive.Dispose();
            throw new InvalidDataException($"{path} is damaged: {e.Message}", e);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>A manifest's bytes; null if it is not in the archive.</summary>
    public async Task<byte[]?> ReadAsync(Digest digest, long mostBytes, CancellationToken cancellation) =>
        made.GetValueOrDefault(digest) ?? await files.ReadAsync(PlaceOf(digest), cancellation, mostBytes);

    /// <summary>A blob; null if it is not in the archive.</summary>
    public BlobSource? Find(Digest digest)
    {
        var place = PlaceOf(digest);
        if (files.LengthOf(place) is not { } length) return null;
        return new BlobSource(digest, length, File: null, async (output, stop) =>
        {
            await using var stream = files.Open(place);
            await stream.CopyToAsync(output, stop);
        });
    }

    /// <summary>The digests of all that the archive has, by the names of its files.</summary>
    public IEnumerable<Digest> Digests()
    {
        foreach (var name in files.Names)
        {
            if (name.Split('/') is ["blobs", var algorithm, var hex]
                && Digest.TryParse($"{algorithm}:{hex}", out var digest))
            {
                yield return digest;
            }
        }
    }

    public void Dispose() => files.Dispose();

    private string PlaceOf(Digest digest) =>
        places.GetValueOrDefault(digest) ?? $"blobs/{digest.Text[..6]}/{digest.Hex}";

    private async Task ReadLayoutAsync(CancellationToken cancellation)
    {
        using var index = JsonDocument.Parse(await files.ReadAsync("index.json", cancellation));
        foreach (var entry in index.RootElement.GetProperty("manifests").EnumerateArray())
        {
            var digest = Digest.Parse(entry.GetProperty("digest").GetString()!);
            var names = entry.TryGetProperty("annotations", out var found) && found.ValueKind == JsonValueKind.Object
                ? found : default;
            var name = TextOf(names, "io.containerd.image.name") ?? TextOf(names, "org.opencontainers.image.ref.name");
            Images.Add(new ArchivedImage(digest, name, TextOf(names, RepositoryAnnotation)));
            if (Images.Count > MaxEntries) throw new InvalidDataException($"{Name} has more than {MaxEntries} images");
        }
    }

    /// <summary>
    /// What docker saved before version 25 has no manifest: one is made of the config and the layers, which stay as
    /// they are.
    /// </summary>
    private async Task ReadSavedAsync(CancellationToken cancellation)
    {
        using var list = JsonDocument.Parse(await files.ReadAsync("manifest.json", cancellation));
        foreach (var image in list.RootElement.EnumerateArray())
        {
            var configName = image.GetProperty("Config").GetString()!;
            var config = await files.ReadAsync(configName, cancellation)
                ?? throw new InvalidDataException($"{configName} is missing in {Name}");
            var configDigest = Digest.Of(DigestAlgorithm.Sha256, config);
            CheckName(configName, configDigest);
            places[configDigest] = configName;
            var layers = new List<(Digest Digest, long Bytes, bool IsCompressed)>();
            foreach (var layer in image.GetProperty("Layers").EnumerateArray())
                layers.Add(await ReadLayerAsync(layer.GetString()!, cancellation));
            CheckLayers(configName, config, layers);
            var body = Manifest(configDigest, config.Length, layers);
            var digest = Digest.Of(DigestAlgorithm.Sha256, body);
            made[digest] = body;
            var tags = image.TryGetProperty("RepoTags", out var named) && named.ValueKind == JsonValueKind.Array
                ? [.. named.EnumerateArray().Select(tag => tag.GetString())] : new List<string?>();
            if (tags.Count == 0) tags.Add(null);
            Images.AddRange(tags.Select(tag => new ArchivedImage(digest, tag)));
            if (Images.Count > MaxEntries) throw new InvalidDataException($"{Name} has more than {MaxEntries} images");
        }
    }

    /// <summary>A config is named by its digest, with or without what comes before and after.</summary>
    private void CheckName(string name, Digest digest)
    {
        var stem = Path.GetFileNameWithoutExtension(name);
        if (stem.Length == digest.Hex.Length && stem != digest.Hex && stem.All(char.IsAsciiHexDigitLower))
            throw new InvalidDataException($"{name} in {Name} has the digest {digest}: the archive was altered");
    }

    private async Task<(Digest Digest, long Bytes, bool IsCompressed)> ReadLayerAsync(
        string name, CancellationToken cancellation)
    {
        if (files.LengthOf(name) is not { } length) throw new InvalidDataException($"{name} is missing in {Name}");
        await using var stream = files.Open(name);
        var start = new byte[2];
        await stream.ReadAtLeastAsync(start, 2, throwOnEndOfStream: false, cancellation);
        await using var whole = files.Open(name);
        var digest = Digest.FromHash(DigestAlgorithm.Sha256, await SHA256.HashDataAsync(whole, cancellation));
        places[digest] = name;
        return (digest, length, start is [0x1f, 0x8b]);
    }

    /// <summary>The config lists the digests of the layers as they are when they are not compressed.</summary>
    private void CheckLayers(
        string configName, byte[] config, List<(Digest Digest, long Bytes, bool IsCompressed)> layers)
    {
        using var json = JsonDocument.Parse(config);
        if (!json.RootElement.TryGetProperty("rootfs", out var root) || !root.TryGetProperty("diff_ids", out var ids))
            return;
        var listed = ids.EnumerateArray().Select(id => id.GetString()).ToList();
        if (listed.Count != layers.Count)
        {
            throw new InvalidDataException(
                $"{configName} in {Name} lists {listed.Count} layers, and manifest.json {layers.Count}");
        }

        for (var i = 0; i < layers.Count; i++)
        {
            if (!layers[i].IsCompressed && layers[i].Digest.Text != listed[i])
            {
                throw new InvalidDataException(
                    $"layer {i + 1} of {configName} in {Name} has the digest {layers[i].Digest}, and should have "
                    + $"{listed[i]}: the archive was altered");
            }
        }
    }

    private static byte[] Manifest(
        Digest config, long configBytes, List<(Digest Digest, long Bytes, bool IsCompressed)> layers)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plainly))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", MediaTypes.OciManifest);
            json.WriteStartObject("config");
            Write(json, "application/vnd.oci.image.config.v1+json", config, configBytes);
            json.WriteStartArray("layers");
            foreach (var layer in layers)
            {
                json.WriteStartObject();
                var type = "application/vnd.oci.image.layer.v1.tar" + (layer.IsCompressed ? "+gzip" : "");
                Write(json, type, layer.Digest, layer.Bytes);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter json, string mediaType, Digest digest, long bytes)
    {
        json.WriteString("mediaType", mediaType);
        json.WriteString("digest", digest.Text);
        json.WriteNumber("size", bytes);
        json.WriteEndObject();
    }

    private static string? TextOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
