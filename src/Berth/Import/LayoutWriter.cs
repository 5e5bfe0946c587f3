using System.Formats.Tar;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Import;

/// <summary>An image in a layout: what it is, and what it is called.</summary>
internal sealed record LayoutEntry(
    Digest Digest, string MediaType, long SizeBytes, RepositoryName Repository, Tag? Tag);

/// <summary>An image that <c>docker load</c> of any version can read: it has one platform.</summary>
internal sealed record LoadableImage(Digest Config, IReadOnlyList<Digest> Layers, string Name);

/// <summary>
/// Writes an OCI layout (image-spec, image-layout.md): to a folder, where it may add to one that is there, or to an
/// archive, which <c>docker load</c> reads too. It is complete or not there: its list of images is written last.
/// </summary>
internal abstract class LayoutWriter : IAsyncDisposable
{
    private static readonly JsonWriterOptions Plainly = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly byte[] Version = """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray();

    /// <exception cref="InvalidDataException">Something else is there.</exception>
    public static LayoutWriter Create(string path)
    {
        if (path.EndsWith(".tar", StringComparison.Ordinal))
        {
            return File.Exists(path)
                ? throw new InvalidDataException($"{path} is there already: name another file, or remove it")
                : new TarLayout(path);
        }

        if (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any()
            && !File.Exists(Path.Combine(path, "oci-layout"))))
        {
            throw new InvalidDataException(
                $"{path} is no OCI layout: name an archive (.tar), or a folder that is empty, new or a layout");
        }

        return new FolderLayout(path);
    }

    /// <summary>Writes a manifest or a blob, unless it is there already.</summary>
    public abstract Task AddAsync(Digest digest, Stream content, CancellationToken cancellation);

    /// <summary>Completes the layout.</summary>
    public async Task CompleteAsync(
        IReadOnlyList<LayoutEntry> entries, IReadOnlyList<LoadableImage> loadable, CancellationToken cancellation)
    {
        await WriteAsync("oci-layout", Version, cancellation);
        if (loadable.Count > 0) await WriteAsync("manifest.json", ManifestJson(loadable), cancellation);
        await WriteAsync("index.json", IndexJson(entries, await ReadIndexAsync(cancellation)), cancellation);
        await EndAsync(cancellation);
    }

    public abstract ValueTask DisposeAsync();

    protected static string PlaceOf(Digest digest) => $"blobs/{digest.Text[..6]}/{digest.Hex}";

    protected abstract Task WriteAsync(string name, byte[] content, CancellationToken cancellation);

    protected virtual Task<byte[]?> ReadIndexAsync(CancellationToken cancellation) => Task.FromResult<byte[]?>(null);

    protected virtual Task EndAsync(CancellationToken cancellation) => Task.CompletedTask;

    private static byte[] IndexJson(IReadOnlyList<LayoutEntry> entries, byte[]? before)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plainly))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", MediaTypes.OciIndex);
            json.WriteStartArray("manifests");
            WriteEarlier(json, before, [.. entries.Select(NameOf)], [.. entries.Select(entry => entry.Digest.Text)]);
            foreach (var entry in entries)
            {
                json.WriteStartObject();
                json.WriteString("mediaType", entry.MediaType);
                json.WriteString("digest", entry.Digest.Text);
                json.WriteNumber("size", entry.SizeBytes);
                json.WriteStartObject("annotations");
                if (entry.Tag is { } tag)
                {
                    json.WriteString("io.containerd.image.name", NameOf(entry));
                    json.WriteString("org.opencontainers.image.ref.name", tag.Text);
                }
                else
                {
                    json.WriteString(ImageArchive.RepositoryAnnotation, entry.Repository.Text);
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>What the layout had before stays, except for what is written again.</summary>
    private static void WriteEarlier(
        Utf8JsonWriter json, byte[]? before, HashSet<string?> names, HashSet<string> digests)
    {
        if (before is null) return;
        using var earlier = JsonDocument.Parse(before);
        foreach (var entry in earlier.RootElement.GetProperty("manifests").EnumerateArray())
        {
            var name = entry.TryGetProperty("annotations", out var annotations)
                && annotations.TryGetProperty("io.containerd.image.name", out var found) ? found.GetString() : null;
            var isAgain = name is null
                ? digests.Contains(entry.GetProperty("digest").GetString()!) : names.Contains(name);
            if (!isAgain) entry.WriteTo(json);
        }
    }

    private static string? NameOf(LayoutEntry entry) => entry.Tag is null ? null : ExportedList.NameOf(entry);

    private static byte[] ManifestJson(IReadOnlyList<LoadableImage> images)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plainly))
        {
            json.WriteStartArray();
            foreach (var image in images)
            {
                json.WriteStartObject();
                json.WriteString("Config", PlaceOf(image.Config));
                json.WriteStartArray("RepoTags");
                json.WriteStringValue(image.Name);
                json.WriteEndArray();
                json.WriteStartArray("Layers");
                foreach (var layer in image.Layers) json.WriteStringValue(PlaceOf(layer));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return buffer.ToArray();
    }

    private sealed class FolderLayout(string root) : LayoutWriter
    {
        public override async Task AddAsync(Digest digest, Stream content, CancellationToken cancellation)
        {
            var path = Path.Combine(root, PlaceOf(digest));
            if (File.Exists(path)) return;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await WriteAsync(path, content, cancellation);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

        protected override async Task WriteAsync(string name, byte[] content, CancellationToken cancellation)
        {
            // It would be about the images of one export, and the folder may have others.
            if (name == "manifest.json") return;
            Directory.CreateDirectory(root);
            using var stream = new MemoryStream(content);
            await WriteAsync(Path.Combine(root, name), stream, cancellation);
        }

        protected override async Task<byte[]?> ReadIndexAsync(CancellationToken cancellation)
        {
            var path = Path.Combine(root, "index.json");
            return File.Exists(path) ? await File.ReadAllBytesAsync(path, cancellation) : null;
        }

        private static async Task WriteAsync(string path, Stream content, CancellationToken cancellation)
        {
            var fresh = $"{path}.{Environment.ProcessId}.partial";
            try
            {
                await using (var file = File.Create(fresh)) await content.CopyToAsync(file, cancellation);
                File.Move(fresh, path, overwrite: true);
            }
            catch
            {
                File.Delete(fresh);
                throw;
            }
        }
    }

    private sealed class TarLayout : LayoutWriter
    {
        private readonly string path;
        private readonly string fresh;
        private readonly TarWriter writer;
        private readonly HashSet<string> written = [];

        public TarLayout(string path)
        {
            this.path = path;
            fresh = path + ".partial";
            writer = new TarWriter(File.Create(fresh), TarEntryFormat.Pax);
        }

        public override async Task AddAsync(Digest digest, Stream content, CancellationToken cancellation)
        {
            if (written.Add(PlaceOf(digest))) await WriteAsync(PlaceOf(digest), content, cancellation);
        }

        /// <summary>What is not complete goes.</summary>
        public override async ValueTask DisposeAsync()
        {
            await writer.DisposeAsync();
            File.Delete(fresh);
        }

        protected override async Task WriteAsync(string name, byte[] content, CancellationToken cancellation)
        {
            using var stream = new MemoryStream(content);
            await WriteAsync(name, stream, cancellation);
        }

        protected override async Task EndAsync(CancellationToken cancellation)
        {
            await writer.DisposeAsync();
            File.Move(fresh, path, overwrite: false);
        }

        private Task WriteAsync(string name, Stream content, CancellationToken cancellation) =>
            writer.WriteEntryAsync(
                new PaxTarEntry(TarEntryType.RegularFile, name)
                {
                    DataStream = content,
                    ModificationTime = DateTimeOffset.UnixEpoch,
                    Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
                        | UnixFileMode.OtherRead,
                },
                cancellation);
    }
}
