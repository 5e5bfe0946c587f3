using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>
/// An OCI image layout on disk with one image, or an index with an image for each architecture. Each image is
/// busybox and a file <c>/words</c>, and says those words when it is run.
/// </summary>
/// <remarks>OCI image-spec 1.1, image-layout.md.</remarks>
public sealed class OciLayout
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";
    private const string LayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
    private const string ConfigType = "application/vnd.oci.image.config.v1+json";

    private readonly List<string> _layers = [];

    private OciLayout(string folder)
    {
        Folder = folder;
        Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256"));
        File.WriteAllText(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
    }

    /// <summary>The layout's folder.</summary>
    public string Folder { get; }

    /// <summary>The digest of what the layout's tag <c>1</c> names: a manifest or an index.</summary>
    public string Digest { get; private set; } = "";

    /// <summary>The layers' digests, in the order in which they were made, each once.</summary>
    public IReadOnlyList<string> Layers => _layers;

    /// <summary>Writes a layout with one image for this machine's architecture.</summary>
    /// <param name="folder">Where; it is created.</param>
    /// <param name="words">What the image says, and what sets its digests apart from other images'.</param>
    /// <param name="layers">How many layers, the one with busybox counted.</param>
    public static OciLayout Write(string folder, string words, int layers = 2)
    {
        var layout = new OciLayout(folder);
        layout.Tag(layout.WriteImage("amd64", words, layers));
        return layout;
    }

    /// <summary>Writes a layout with an index of images for several architectures.</summary>
    public static OciLayout WriteIndex(string folder, string words, params IEnumerable<string> architectures)
    {
        var layout = new OciLayout(folder);
        var children = new JsonArray();
        foreach (var architecture in architectures)
        {
            var child = layout.WriteImage(architecture, $"{words} {architecture}", 2);
            child["platform"] = new JsonObject { ["architecture"] = architecture, ["os"] = "linux" };
            children.Add(child);
        }

        layout.Tag(layout.WriteJson(IndexType, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = IndexType,
            ["manifests"] = children,
        }));
        return layout;
    }

    /// <summary>Writes a layout whose image has one layer, of the bytes given.</summary>
    public static OciLayout WriteLayer(string folder, string layerType, byte[] layer)
    {
        var layout = new OciLayout(folder);
        layout.Tag(layout.WriteManifest("amd64", [layout.WriteBlob(layerType, layer)], [Hash(layer)]));
        return layout;
    }

    /// <summary>The digest behind a layout's only entry.</summary>
    public static string DigestIn(string folder)
    {
        var index = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "index.json")));
        return (string)index!["manifests"]!.AsArray().Single()!["digest"]!;
    }

    private static string Hash(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Archive(Action<TarWriter> write)
    {
        using var memory = new MemoryStream();
        using (var archive = new TarWriter(memory, TarEntryFormat.Ustar, leaveOpen: true))
        {
            write(archive);
        }

        return memory.ToArray();
    }

    private static void AddFile(TarWriter archive, string name, Stream content) =>
        archive.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            DataStream = content,
            Mode = (UnixFileMode)0b111_101_101,
            ModificationTime = DateTimeOffset.UnixEpoch,
        });

    private static byte[] Compress(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return memory.ToArray();
    }

    private JsonObject WriteImage(string architecture, string words, int layers)
    {
        var descriptors = new JsonArray();
        var diffs = new JsonArray();
        for (var number = 0; number < layers; number++)
        {
            var archive = number == 0 ? BusyboxArchive() : WordsArchive(number == layers - 1 ? words : $"{number}");
            descriptors.Add(WriteBlob(LayerType, Compress(archive)));
            diffs.Add(Hash(archive));
        }

        return WriteManifest(architecture, descriptors, diffs);
    }

    private static byte[] BusyboxArchive() => Archive(archive =>
    {
        using var busybox = File.OpenRead(ClientTools.Busybox);
        archive.WriteEntry(new UstarTarEntry(TarEntryType.Directory, "bin/")
        {
            Mode = (UnixFileMode)0b111_101_101,
            ModificationTime = DateTimeOffset.UnixEpoch,
        });
        AddFile(archive, "bin/busybox", busybox);
        archive.WriteEntry(new UstarTarEntry(TarEntryType.SymbolicLink, "bin/sh")
        {
            LinkName = "busybox",
            ModificationTime = DateTimeOffset.UnixEpoch,
        });
    });

    private static byte[] WordsArchive(string words) => Archive(archive =>
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(words + "\n"));
        AddFile(archive, "words", content);
    });

    private JsonObject WriteManifest(string architecture, JsonArray layers, JsonArray diffs)
    {
        var config = WriteJson(ConfigType, new JsonObject
        {
            ["architecture"] = architecture,
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Cmd"] = new JsonArray("/bin/busybox", "cat", "/words") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = diffs },
        });
        foreach (var layer in layers)
        {
            _layers.Add((string)layer!["digest"]!);
        }

        return WriteJson(ManifestType, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = config,
            ["layers"] = layers,
        });
    }

    private JsonObject WriteJson(string mediaType, JsonObject content) =>
        WriteBlob(mediaType, Encoding.UTF8.GetBytes(content.ToJsonString()));

    private JsonObject WriteBlob(string mediaType, byte[] content)
    {
        var digest = Hash(content);
        File.WriteAllBytes(Path.Combine(Folder, "blobs", digest.Replace(':', '/')), content);
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = digest, ["size"] = content.Length };
    }

    private void Tag(JsonObject descriptor)
    {
        Digest = (string)descriptor["digest"]!;
        descriptor["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = "1" };
        var index = new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(descriptor) };
        File.WriteAllText(Path.Combine(Folder, "index.json"), index.ToJsonString());
    }
}
