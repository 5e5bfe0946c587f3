using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Bench;

/// <summary>
/// The same work against Berth and every peer found on this machine, in turn in one run. Ratios between columns hold;
/// absolute figures depend on the machine. Writes docs/performance.md.
/// </summary>
internal static class Comparison
{
    /// <param name="arguments">How many rounds (3 if absent) and how many MiB the large blob has (1024).</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var rounds = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 3;
        var mebibytes = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 1024;
        var project = FindProject();
        var root = Directory.CreateTempSubdirectory("berth-compare-").FullName;
        var servers = new List<Server>();
        try
        {
            var load = await Load.BuildAsync(Path.Combine(project, "bench/load/regload.c"), root);
            await StartServersAsync(servers, root);
            var seed = await Seed.CreateAsync(root, mebibytes);
            foreach (var server in servers) await seed.FillAsync(server);
            var table = new ComparisonTable(servers, rounds, mebibytes);
            await MeasureAsync(table, load, seed);
            await table.MeasureIdleAsync();
            await File.WriteAllTextAsync(Path.Combine(project, "docs/performance.md"), table.ToMarkdown());
            Console.WriteLine(table.ToMarkdown());
            return 0;
        }
        finally
        {
            foreach (var server in servers) await server.DisposeAsync();
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task StartServersAsync(List<Server> servers, string root)
    {
        servers.Add(await Server.StartBerthAsync(root));
        if (Server.IsInstalled("nginx")) servers.Add(await Server.StartNginxAsync(root));
        if (Server.IsInstalled("docker-registry")) servers.Add(await Server.StartDistributionAsync(root));
        if (Server.IsInstalled("zot")) servers.Add(await Server.StartZotAsync(root));
    }

    private static async Task MeasureAsync(ComparisonTable table, Load load, Seed seed)
    {
        var gibibytes = table.Mebibytes / 1024.0;
        foreach (var connections in new[] { 1, 4 })
        {
            await table.AddAsync($"pull {table.Mebibytes} MiB, {connections} at once", "GB/s", true,
                (server, _) => load.MeasureAsync(server, "GBps", "pull", "-c", $"{connections}", seed.LargePath),
                gibibytes * connections);
        }

        await table.AddAsync($"push {table.Mebibytes} MiB, one PUT", "GB/s", false,
            (server, round) => load.MeasureAsync(server, "GBps", [.. Push(seed, $"put{round}")]),
            gibibytes);
        await table.AddAsync($"push {table.Mebibytes} MiB, streamed PATCH", "GB/s", false,
            (server, round) => load.MeasureAsync(server, "GBps", [.. Push(seed, $"patch{round}"), "--stream"]),
            gibibytes);
        foreach (var (name, isFile, options) in new (string, bool, string[])[]
        {
            ("GET manifest by tag", true, [seed.TagPath]),
            ("HEAD manifest by tag", true, ["-m", "HEAD", seed.TagPath]),
            ("GET manifest by digest", true, [seed.ManifestPath]),
            ("HEAD blob", true, ["-m", "HEAD", seed.SmallPath]),
            ("GET 10 KB blob", true, [seed.SmallPath]),
            ("GET /v2/", true, ["/v2/"]),
        })
        {
            await table.AddAsync($"{name}, 32 connections", "requests/s", isFile,
                (server, _) => load.MeasureAsync(
                    server, "rps", ["req", "-c", "32", "-d", "3", "-H", Seed.Accept, .. options]),
                null);
        }

        foreach (var clients in new[] { 1, 8 })
        {
            await table.AddAsync($"small images, {clients} client{(clients > 1 ? "s" : "")}", "images/s", false,
                (server, round) => load.MeasureAsync(
                    server, "images_per_s", "images", "-n", "200", "-c", $"{clients}", "-r", $"small{clients}x{round}"),
                null);
        }
    }

    private static string[] Push(Seed seed, string repository) =>
        ["push", "-r", repository, "-f", seed.LargeFile, "-D", seed.LargeDigest];

    private static string FindProject()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Berth.slnx"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("run this from a checkout of Berth");
    }
}

/// <summary>What every server holds before it is measured.</summary>
internal sealed record Seed(string LargeFile, string LargeDigest, byte[] Small, string SmallDigest, byte[] Manifest)
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>Without it distribution answers with schema 1, or not at all.</summary>
    public const string Accept = "Accept: " + ManifestType;

    public string LargePath => $"/v2/bench/blobs/{LargeDigest}";

    public string SmallPath => $"/v2/bench/blobs/{SmallDigest}";

    public string TagPath => "/v2/bench/manifests/latest";

    public string ManifestPath => $"/v2/bench/manifests/{DigestOf(Manifest)}";

    public static async Task<Seed> CreateAsync(string root, int mebibytes)
    {
        var file = Path.Combine(root, "large");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using (var stream = File.Create(file))
        {
            for (var i = 0; i < mebibytes; i++)
            {
                var block = RandomNumberGenerator.GetBytes(1024 * 1024);
                hash.AppendData(block);
                await stream.WriteAsync(block);
            }
        }

        var large = $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
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
                "digest": "{{large}}",
                "size": {{mebibytes * 1024L * 1024}}
              }]
            }
            """;
        return new Seed(file, large, small, DigestOf(small), Encoding.UTF8.GetBytes(manifest));
    }

    public async Task FillAsync(Server server)
    {
        if (server.IsFileServer)
        {
            Place(server, LargePath, path => File.Copy(LargeFile, path));
            Place(server, SmallPath, path => File.WriteAllBytes(path, Small));
            Place(server, TagPath, path => File.WriteAllBytes(path, Manifest));
            Place(server, ManifestPath, path => File.WriteAllBytes(path, Manifest));
            return;
        }

        using var client = new HttpClient { BaseAddress = new Uri(server.BaseUrl), Timeout = TimeSpan.FromMinutes(5) };
        await PushAsync(client, new StreamContent(File.OpenRead(LargeFile)), LargeDigest);
        await PushAsync(client, new ByteArrayContent(Small), SmallDigest);
        using var manifest = new ByteArrayContent(Manifest);
        manifest.Headers.ContentType = new MediaTypeHeaderValue(ManifestType);
        using var response = await client.PutAsync(new Uri(TagPath, UriKind.Relative), manifest);
        response.EnsureSuccessStatusCode();
    }

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

    private static string DigestOf(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
}
