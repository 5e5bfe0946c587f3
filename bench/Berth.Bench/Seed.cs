using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Bench;

/// <summary>What every server contains before it is measured.</summary>
internal sealed record Seed(long LargeBytes, string LargeDigest, byte[] Small, byte[] Manifest)
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>Without it distribution answers with schema 1, or an error.</summary>
    public const string Accept = "Accept: " + ManifestType;

    public string LargePath => $"/v2/bench/blobs/{LargeDigest}";

    public string SmallPath => $"/v2/bench/blobs/{DigestOf(Small)}";

    public string TagPath => "/v2/bench/manifests/latest";

    public string ManifestPath => $"/v2/bench/manifests/{DigestOf(Manifest)}";

    public static Seed Create(PushFile file, string largeDigest)
    {
        var small = RandomNumberGenerator.GetBytes(10 * 1024);
        var manifest = $$"""
            {
              "schemaVersion": 2,
              "mediaType": "{{ManifestType}}",
              "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "digest": "{{DigestOf(small)}}",
                "size": {{small.Length}}
              },
              "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "digest": "{{largeDigest}}",
                "size": {{file.Length}}
              }]
            }
            """;
        return new Seed(file.Length, largeDigest, small, Encoding.UTF8.GetBytes(manifest));
    }

    /// <summary>Puts the large blob, the small one and the tagged manifest into the repository `bench`.</summary>
    public async Task FillAsync(Server server, PushFile file)
    {
        if (server.IsFileServer)
        {
            Place(server, LargePath, path => File.Copy(file.Path, path));
            Place(server, SmallPath, path => File.WriteAllBytes(path, Small));
            Place(server, TagPath, path => File.WriteAllBytes(path, Manifest));
            Place(server, ManifestPath, path => File.WriteAllBytes(path, Manifest));
            return;
        }

        await PushAsync(server.Client, new StreamContent(File.OpenRead(file.Path)), LargeDigest);
        await PushAsync(server.Client, new ByteArrayContent(Small), DigestOf(Small));
        using var manifest = new ByteArrayContent(Manifest);
        manifest.Headers.ContentType = new MediaTypeHeaderValue(ManifestType);
        using var response = await server.Client.PutAsync(new Uri(TagPath, UriKind.Relative), manifest);
        response.EnsureSuccessStatusCode();
    }

    public static string DigestOf(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

    private static void Place(Server server, string path, Action<string> write)
    {
        var target = server.Folder + path;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        write(target);
    }

    private static async Task PushAsync(HttpClient client, HttpContent content, string digest)
    {
        using var started = await client.PostAsync(new Uri("/v2/bench/blobs/uploads/", UriKind.Relative), null);
        started.EnsureSuccessStatusCode();
        var location = new Uri(client.BaseAddress!, started.Headers.Location!).ToString();
        var separator = location.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        using (content)
        {
            using var finished = await client.PutAsync(new Uri($"{location}{separator}digest={digest}"), content);
            finished.EnsureSuccessStatusCode();
        }
    }
}

/// <summary>The part of the file that is pushed as one blob.</summary>
internal readonly record struct Slice(long Offset, long Length);

/// <summary>
/// A file of random bytes. Each push uses bytes that no server has seen; otherwise it might skip work.
/// </summary>
internal sealed class PushFile(string path, long length)
{
    private const int BlockBytes = 1024 * 1024;

    public string Path => path;

    public long Length => length;

    public Slice Whole => new(0, length);

    public static async Task<PushFile> CreateAsync(string path, int mebibytes)
    {
        await using var stream = File.Create(path);
        var block = new byte[BlockBytes];
        for (var i = 0; i < mebibytes; i++)
        {
            RandomNumberGenerator.Fill(block);
            await stream.WriteAsync(block);
        }

        return new PushFile(path, (long)mebibytes * BlockBytes);
    }

    /// <summary>Two or more slices of a given length, spread over the file; they overlap if there is no room.</summary>
    public Slice[] Slices(int count, long each) =>
        [.. Enumerable.Range(0, count).Select(i => new Slice((length - each) / (count - 1) * i, each))];

    /// <summary>Changes some bytes of each slice, and returns their digests: OFFSET:LENGTH:DIGEST.</summary>
    public string[] Renew(params Slice[] slices)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        foreach (var slice in slices) RandomAccess.Write(file, RandomNumberGenerator.GetBytes(32), slice.Offset);
        var block = new byte[BlockBytes];
        return [.. slices.Select(slice =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (long done = 0; done < slice.Length;)
            {
                var part = (int)Math.Min(BlockBytes, slice.Length - done);
                var read = RandomAccess.Read(file, block.AsSpan(0, part), slice.Offset + done);
                hash.AppendData(block.AsSpan(0, read));
                done += read;
            }

            return $"{slice.Offset}:{slice.Length}:sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
        })];
    }
}
