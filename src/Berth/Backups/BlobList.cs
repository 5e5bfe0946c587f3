using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>A blob of a backup.</summary>
internal readonly record struct ListedBlob(Digest Digest, long Bytes)
{
    /// <summary>Its line in the list.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Digest} {Bytes}");
}

/// <summary>The list of a backup's blobs, which is read line by line however long it is.</summary>
internal static class BlobList
{
    /// <exception cref="InvalidDataException">It is not there, or damaged.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static async IAsyncEnumerable<ListedBlob> ReadAsync(
        BackupPlace place, BackupManifest manifest, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var content = await place.Blobs.OpenAsync(manifest.List.Parsed, cancellation)
            ?? throw new InvalidDataException("its list of blobs is missing");
        var pipe = new Pipe();
        var copying = Task.Run(() => CopyAsync(content, pipe.Writer, cancellation), cancellation);
        try
        {
            using var reader = new StreamReader(pipe.Reader.AsStream(), Encoding.ASCII);
            while (await reader.ReadLineAsync(cancellation) is { } line) yield return Parse(line);
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task CopyAsync(BlobContent content, PipeWriter output, CancellationToken cancellation)
    {
        try
        {
            await content.CopyToAsync(output, 0, content.Length, cancellation);
            await output.CompleteAsync();
        }
        catch (Exception e)
        {
            await output.CompleteAsync(e);
        }
    }

    private static ListedBlob Parse(string line) =>
        line.Split(' ') is [var digest, var bytes] && Digest.TryParse(digest, out var parsed)
        && long.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? new ListedBlob(parsed, count) : throw new InvalidDataException("its list of blobs is damaged");
}
