using System.Security.Cryptography;

namespace Berth.Vulnerabilities;

/// <summary>Pulls the layers of an artifact in a registry.</summary>
/// <param name="name">The artifact, as <c>registry.example.com/repository:tag</c>.</param>
/// <param name="pathOf">Where a layer is to be written, given its digest and its size; null if it is known.</param>
/// <param name="stop">Cancels.</param>
/// <exception cref="FetchException">It can't be had. Says why, and what to do.</exception>
internal delegate Task PullArtifact(string name, Func<string, long, string?> pathOf, CancellationToken stop);

/// <summary>Brings artifacts in registries up to date: each of their layers is a file.</summary>
internal sealed class SourceArtifacts(FetchedCopies copies, PullArtifact pull, long sizeBytes)
{
    /// <summary>Brings the layers of an artifact that are data.</summary>
    /// <returns>Their copies, by what they are called.</returns>
    /// <exception cref="FetchException">It can't be had, or has no data in it.</exception>
    public async Task<List<(string Name, FetchedCopy Copy)>> BringAsync(string artifact, CancellationToken stop)
    {
        var layers = new List<(string Name, string? Fetched)>();
        try
        {
            await pull(artifact, PathOf, stop);
            var brought = layers.Select(layer => (layer.Name, Copy: Keep(layer.Name, layer.Fetched)))
                .Where(layer => layer.Copy is not null).Select(layer => (layer.Name, layer.Copy!)).ToList();
            return brought.Count > 0 ? brought : throw new FetchException(
                $"{artifact} has no layer in a format that is known here: is this the right artifact?");
        }
        catch (IOException e)
        {
            throw new FetchException($"{artifact} can't be pulled ({e.Message})", e);
        }
        finally
        {
            foreach (var (_, fetched) in layers) if (fetched is not null) File.Delete(fetched);
        }

        string? PathOf(string digest, long bytes)
        {
            if (bytes > sizeBytes)
            {
                throw new FetchException($"{artifact} has a layer of more than {sizeBytes} bytes: raise "
                    + "vulnerabilities.sizebytes if it is the right artifact");
            }

            var name = NameOf(artifact, digest);
            var path = copies.Find(name) is null ? copies.Begin(name) : null;
            layers.Add((name, path));
            return path;
        }
    }

    /// <summary>What is known of an artifact from before.</summary>
    public List<(string Name, FetchedCopy Copy)> Known(string artifact) =>
        [.. copies.Below(NameOf(artifact, "")).Select(copy => (copy.Address, copy))];

    private static string NameOf(string artifact, string digest) => $"oci:{artifact}@{digest}";

    /// <summary>Null if it is no data, such as a text about it.</summary>
    private FetchedCopy? Keep(string name, string? fetched)
    {
        if (fetched is null) return copies.Find(name);
        try
        {
            DataFormats.Check(fetched, sizeBytes);
        }
        catch (InvalidDataException)
        {
            return null;
        }

        using var content = File.OpenRead(fetched);
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        return copies.Keep(name, fetched, new FetchedCopy(name, "", sha256, content.Length, null, null));
    }
}
