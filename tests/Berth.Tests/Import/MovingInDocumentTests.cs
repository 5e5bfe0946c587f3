using System.Text.RegularExpressions;
using Berth.Tests.Clients;

namespace Berth.Tests.Import;

/// <summary>The commands of docs/moving-in.md, as they stand.</summary>
[Once]
public sealed partial class MovingInDocumentTests
{
    [Fact]
    public async Task The_commands_of_the_page_work_as_they_stand()
    {
        var folder = Directory.CreateTempSubdirectory("berth-page-").FullName;
        try
        {
            var (old, settings) = (Path.Combine(folder, "registry"), Path.Combine(folder, "config.yml"));
            var volume = new TestVolume(old);
            volume.AddImage("acme/app", "one", "1");
            volume.AddImage("acme/app", "two", "2");
            volume.AddImage("acme/db", "three", "1");
            await File.WriteAllTextAsync(
                settings, $"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {old}}}}}",
                TestContext.Current.CancellationToken);
            await using var remote = await DistributionRegistry.StartAsync(
                await ClientTools.ReadyAsync(), auth: "", storage: null);
            using var http = new HttpClient { BaseAddress = new Uri($"http://{remote.Address}") };
            foreach (var tag in new[] { "v1", "v2-rc1", "v2" })
                await OldRegistry.PushAsync(http, "team/app", tag, $"app {tag}");
            await OldRegistry.PushAsync(http, "team/web", "1", "web");
            var layout = OciLayout.Write(Path.Combine(folder, "layout"), "layout");
            await OldRegistry.RunAsync(
                "skopeo", "copy", "--quiet", $"oci:{layout.Folder}:1", $"docker-archive:{folder}/app.tar:app:1");
            var page = string.Join('\n', SourceTree.Files.Single(file => file.Path == "docs/moving-in.md").Lines);
            var blocks = Block().Matches(page).Select(match => match.Groups[1].Value).ToList();
            Assert.Equal(4, blocks.Count);
            var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
            var said = await OldRegistry.RunAsync("bash", "-ec", $$"""
                cd {{folder}}
                export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY={{folder}}/data
                berth() { {{berth}} "$@"; }
                {{string.Join('\n', blocks).Replace("/var/lib/registry", old, StringComparison.Ordinal)
                    .Replace("/etc/docker/registry/config.yml", settings, StringComparison.Ordinal)
                    .Replace("https://registry.example.com", $"http://{remote.Address}", StringComparison.Ordinal)}}
                """);
            Assert.Contains("Imported 3 manifests of 3, 3 tags of 3", said);
            Assert.Contains("Exported 1 manifest and 1 blob", said);
            Assert.Contains("there is nothing to export", said);
            Assert.Contains("2 repositories with 4 tags.", said);
            Assert.Contains("Imported 4 manifests of 4, 4 tags of 4", said);
            Assert.Contains("Imported 2 manifests of 2, 2 tags of 2 and 0 blobs", said);
            Assert.Contains("Imported 0 manifests of 4, 0 tags of 4 and 0 blobs", said);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex(@"```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
