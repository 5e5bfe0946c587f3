using System.Net.Security;
using Berth.Oci;

namespace Berth.Import;

/// <summary>Pulls the files of an artifact from a registry that lets anybody do that.</summary>
internal static class ArtifactPull
{
    private const int MaxManifestBytes = 4 << 20;
    private const int MaxLayers = 1_000;

    /// <summary>Pulls its layers.</summary>
    /// <param name="name">The artifact, as <c>registry.example.com/repository:tag</c>.</param>
    /// <param name="pathOf">Where a layer is to be written, given its digest and its size; null if it is known.</param>
    /// <param name="clock">For waits.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="SourceException">It can't be had. Says why.</exception>
    public static async Task PullAsync(
        string name, Func<string, long, string?> pathOf, TimeProvider clock, CancellationToken cancellation)
    {
        var address = AddressOf(name);
        using var client = new SourceClient(address, credentials: null, new SslClientAuthenticationOptions(), clock);
        var registry = new SourceRegistry(client, MaxManifestBytes);
        var found = await registry.FindAsync(address.Path, new Reference(address.Tag!.Value), cancellation)
            ?? throw new SourceException($"there is no {name}: is this the right name?");
        foreach (var layer in LayersOf(name, found))
        {
            if (pathOf(layer.Digest.Text, layer.SizeBytes) is not { } path) continue;
            await using var blob = await registry.OpenAsync(
                address.Path, layer.Digest, layer.SizeBytes, cancellation)
                ?? throw new SourceException($"{name} lacks its layer {layer.Digest}");
            await SaveAsync(blob, layer.Digest, path, cancellation);
        }
    }

    /// <summary>As clients of registries have it, there is no TLS on this machine itself.</summary>
    private static SourceAddress AddressOf(string name)
    {
        try
        {
            var address = SourceAddress.Parse("https://" + name);
            if (address.Root.IsLoopback) address = SourceAddress.Parse("http://" + name);
            return address is { IsPrefix: false, Tag: not null }
                ? address : throw new SourceException($"{name} is no repository with a tag");
        }
        catch (InvalidDataException e)
        {
            throw new SourceException(e.Message, e);
        }
    }

    private static List<Descriptor> LayersOf(string name, FoundManifest found)
    {
        try
        {
            var manifest = Manifest.Parse(found.Body, found.MediaType.Length == 0 ? null : found.MediaType, MaxLayers);
            return [.. manifest.References.Where(one => one.Kind == ReferenceKind.Layer).Select(one => one.Target)];
        }
        catch (ManifestFormatException e)
        {
            throw new SourceException($"{name} is no artifact: {e.Message}", e);
        }
    }

    private static async Task SaveAsync(SourceBlob blob, Digest digest, string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        using var hash = Digest.StartHash(digest.Algorithm);
        var buffer = new byte[128 << 10];
        while (await blob.ReadAsync(buffer, cancellation) is > 0 and var read)
        {
            hash.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }

        if (Digest.FromHash(digest.Algorithm, hash.GetHashAndReset()) != digest)
            throw new SourceException($"what was sent as {digest} is something else");
    }
}
