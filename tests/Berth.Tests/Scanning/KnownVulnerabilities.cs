using System.IO.Compression;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Scanning;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Scanning;

/// <summary>A registry whose images are compared with records in a folder.</summary>
internal sealed class KnownVulnerabilities : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-known-").FullName;
    private int version;

    private KnownVulnerabilities() => Source = Directory.CreateDirectory(Path.Combine(folder, "source")).FullName;

    public RegistryFixture Registry { get; private set; } = null!;

    /// <summary>What the settings are for a command on the database, besides those of any registry.</summary>
    public Dictionary<string, string> Variables => new(Registry.Variables)
    {
        ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
        ["REGISTRY_AUTH_LOCAL_BCRYPTCOST"] = "4",
        ["REGISTRY_VULNERABILITIES_SOURCES"] = Source,
    };

    public ContentImages Images => new(Registry);

    /// <summary>The folder that is the source.</summary>
    public string Source { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<KnownVulnerabilities> StartAsync(
        TimeProvider? clock = null, Func<RegistrySettings, RegistrySettings>? settings = null)
    {
        var known = new KnownVulnerabilities();
        known.Registry = await AccountsOf.StartAsync(
            settings: s => (settings?.Invoke(s) ?? s) with
            {
                Vulnerabilities = new VulnerabilitySettings
                {
                    Sources = [known.Source],
                    Folder = Path.Combine(known.folder, "own"),
                },
            },
            clock: clock);
        return known;
    }

    /// <summary>A record about a package.</summary>
    public static string Record(
        string id, string ecosystem, string package, string? fixedIn, string severity = "HIGH", string cve = "",
        string published = "2024-01-01T00:00:00Z")
    {
        var aliases = cve.Length > 0 ? $"\"{cve}\"" : "";
        var end = fixedIn is null ? "" : $",{{\"fixed\":\"{fixedIn}\"}}";
        return $$"""
            {"id":"{{id}}","modified":"{{published}}","published":"{{published}}","summary":"About {{package}}",
            "aliases":[{{aliases}}],"affected":[{"package":{"ecosystem":"{{ecosystem}}","name":"{{package}}"},
            "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}{{end}}]}]}],
            "database_specific":{"severity":"{{severity}}"} }
            """;
    }

    /// <summary>Makes these all that is known, has the sources asked, and images compared.</summary>
    public async Task TellAsync(params string[] records)
    {
        var path = Path.Combine(folder, "new.zip");
        await using (var zip = await ZipFile.OpenAsync(path, ZipArchiveMode.Create, Stop))
        {
            foreach (var (record, i) in records.Select((record, i) => (record, i)))
            {
                await using var entry = await zip.CreateEntry($"{i}.json").OpenAsync(Stop);
                await using var writer = new StreamWriter(entry);
                await writer.WriteAsync(record);
            }
        }

        File.Move(path, Path.Combine(Source, "all.zip"), overwrite: true);
        File.SetLastWriteTimeUtc(Path.Combine(Source, "all.zip"), DateTime.UnixEpoch.AddSeconds(++version));
        using var asked = await Images.SendAsync("POST", "/api/v1/vulnerabilities/updates", null, null, 200);
        await CompareAsync();
    }

    /// <summary>Has what was pushed looked into and compared.</summary>
    public async Task CompareAsync(params string[] images)
    {
        foreach (var image in images)
        {
            var (repository, tag) = (image.Split(':')[0], image.Split(':')[1]);
            await Images.SeeAsync($"{tag}/packages?repository={repository}");
        }

        var database = Registry.Services.GetRequiredService<Database>();
        await database.WriteAsync(
            session => session.RunAsync("UPDATE image_scan SET due_at = 0 WHERE state = 'waiting'"), false, Stop);
        var scanning = Registry.Services.GetRequiredService<ImageScanning>();
        await scanning.AddMissingAsync(Stop);
        while (await scanning.RunNextAsync(Stop))
        {
        }

        var job = Registry.Services.GetServices<Job>().Single(job => job.Kind == MatchPackagesJob.Name);
        await job.RunAsync("", Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
