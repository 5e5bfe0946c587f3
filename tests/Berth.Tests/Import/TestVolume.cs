using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Tests.Import;

/// <summary>A volume of registry:2 that a test writes itself, to be as odd as a real one gets in years.</summary>
internal sealed class TestVolume(string folder)
{
    public const string ImageType = "application/vnd.oci.image.manifest.v1+json";
    public const string IndexType = "application/vnd.oci.image.index.v1+json";

    private string Root => Path.Combine(folder, "docker/registry/v2");

    public string Folder => folder;

    /// <summary>Where a blob is.</summary>
    public string BlobPath(string digest) =>
        Path.Combine(Root, "blobs", digest[..6], digest.Split(':')[1][..2], digest.Split(':')[1], "data");

    public string AddBlob(byte[] content)
    {
        var digest = OldRegistry.DigestOf(content);
        Write(BlobPath(digest), content);
        return digest;
    }

    public string AddBlob(string content) => AddBlob(Encoding.UTF8.GetBytes(content));

    /// <summary>Links a blob in a repository.</summary>
    public void LinkLayer(string repository, string digest, string? name = null) =>
        Write(InRepository(repository, $"_layers/{(name ?? digest).Replace(':', '/')}/link"), digest);

    /// <summary>Adds an image of one layer, by its digest and maybe a tag.</summary>
    public string AddImage(string repository, string layer, string? tag = null)
    {
        var (config, content) = (AddBlob("{}"), AddBlob(layer));
        LinkLayer(repository, config);
        LinkLayer(repository, content);
        return AddManifest(repository, ImageOf((config, 2), (content, Encoding.UTF8.GetByteCount(layer))), tag);
    }

    public static string ImageOf((string Digest, int Bytes) config, params (string Digest, int Bytes)[] layers) =>
        new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ImageType,
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", config),
            ["layers"] = new JsonArray(
                [.. layers.Select(layer => Descriptor("application/vnd.oci.image.layer.v1.tar", layer))]),
        }.ToJsonString();

    public static string IndexOf(params string[] children) => new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = IndexType,
        ["manifests"] = new JsonArray([.. children.Select(child => Descriptor(ImageType, (child, 100)))]),
    }.ToJsonString();

    /// <summary>Adds any manifest.</summary>
    public string AddManifest(string repository, string body, string? tag = null)
    {
        var digest = AddBlob(body);
        AddRevision(repository, digest);
        if (tag is not null) AddTag(repository, tag, digest);
        return digest;
    }

    public void AddRevision(string repository, string digest) =>
        Write(InRepository(repository, $"_manifests/revisions/{digest.Replace(':', '/')}/link"), digest);

    public void AddTag(string repository, string tag, string digest)
    {
        Write(InRepository(repository, $"_manifests/tags/{tag}/current/link"), digest);
        Write(InRepository(repository, $"_manifests/tags/{tag}/index/{digest.Replace(':', '/')}/link"), digest);
    }

    public string InRepository(string repository, string path) =>
        Path.Combine(Root, "repositories", repository, path);

    public static void Write(string path, string content) => Write(path, Encoding.UTF8.GetBytes(content));

    public static string Sha512(string content) =>
        "sha512:" + Convert.ToHexStringLower(SHA512.HashData(Encoding.UTF8.GetBytes(content)));

    private static void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    private static JsonObject Descriptor(string mediaType, (string Digest, int Bytes) content) => new()
    {
        ["mediaType"] = mediaType,
        ["digest"] = content.Digest,
        ["size"] = content.Bytes,
    };
}
