using System.Text.Json;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>Reads what an image says of itself, in its manifest and its config.</summary>
internal sealed partial class ImageInspection(IBlobStore store, ILogger<ImageInspection> log)
{
    /// <summary>More of a value is not logged.</summary>
    private const int LoggedCharacters = 40;

    /// <summary>More than any config that people write: larger ones are not read.</summary>
    private const long MaxConfigBytes = 1024 * 1024;

    /// <summary>Those of build caches list each step of each build.</summary>
    private const long MaxCacheConfigBytes = 16 * 1024 * 1024;

    /// <summary>What lists say of an image, and how long its tags stay; null if it does not say.</summary>
    /// <exception cref="StoreUnavailableException">The store can't read the config.</exception>
    public async ValueTask<(ImageFacts Facts, TimeSpan? ExpiresAfter)> ReadAsync(
        Digest digest, Manifest manifest, byte[] body, CancellationToken cancellation)
    {
        var expiresAfter = ImageExpiry.OfManifest(body, out var unread);
        if (unread is not null) Warn(digest, unread);
        var config = await ReadConfigAsync(manifest, cancellation);
        if (config is null) return (ImageFacts.Of(manifest, null), expiresAfter);
        if (expiresAfter is null)
        {
            expiresAfter = ImageExpiry.OfConfig(config, out unread);
            if (unread is not null) Warn(digest, unread);
        }

        return (ImageFacts.Of(manifest, ImageConfig.Parse(config)), expiresAfter);
    }

    /// <summary>
    /// An image's config; null if there is none, or none that is read. Only of image manifests, whose config must be
    /// linked where they are pushed: what others mention may be somebody else's.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public async ValueTask<byte[]?> ReadConfigAsync(Manifest manifest, CancellationToken cancellation)
    {
        if (!MediaTypes.IsImageManifest(manifest.MediaType)) return null;
        var config = manifest.References.FirstOrDefault(r => r.Kind == ReferenceKind.Config)?.Target;
        if (config is null || config.SizeBytes > MaxConfigBytes || !MediaTypes.IsImageConfig(config.MediaType))
            return null;
        return await SmallBlob.ReadAsync(store, config.Digest, MaxConfigBytes, cancellation);
    }

    /// <summary>
    /// Whether what says that it is a build cache has the config of an image, or one that can't be read. Policies are
    /// not about build caches, and some clients make containers of whatever has such a config, whatever its type.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public async ValueTask<bool> IsDisguisedAsync(Manifest manifest, CancellationToken cancellation)
    {
        if (!MediaTypes.IsImageManifest(manifest.MediaType)) return false;
        var config = manifest.References.FirstOrDefault(r => r.Kind == ReferenceKind.Config)?.Target;
        if (config?.MediaType != MediaTypes.BuildCacheConfig) return false;
        return await SmallBlob.ReadAsync(store, config.Digest, MaxCacheConfigBytes, cancellation) is not { } json
            || HasFileSystem(json);
    }

    private static bool HasFileSystem(byte[] config)
    {
        try
        {
            using var json = JsonDocument.Parse(config);

            // Clients in Go don't mind the case.
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.EnumerateObject()
                .Any(one => one.Name.Equals("rootfs", StringComparison.OrdinalIgnoreCase));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return true;
        }
    }

    /// <summary>The push is good all the same, and no client shows what a registry says beside that.</summary>
    private void Warn(Digest digest, string unread) => LogUnread(
        digest.Text,
        unread.Length > LoggedCharacters ? unread[..LoggedCharacters] + "…" : unread);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "The image {Digest} says that it expires after '{Value}', which is not a duration such as 12h, 3d or 2w: "
        + "this is ignored")]
    private partial void LogUnread(string digest, string value);
}
