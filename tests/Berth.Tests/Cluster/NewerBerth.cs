using System.Diagnostics;
using Berth.Metadata;

namespace Berth.Tests.Cluster;

/// <summary>A later version of Berth: this one's source, built with more migrations than this one knows.</summary>
internal sealed class NewerBerth : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-newer-").FullName;
    private int migrations = Migrations.Known.Count;
    private int builds;

    public NewerBerth()
    {
        foreach (var file in Directory.GetFiles(SourceTree.Root).Where(IsForTheBuild))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        foreach (var file in SourceTree.Files.Select(f => f.Path))
        {
            if (!file.StartsWith("src/", StringComparison.Ordinal)) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, file))!);
            File.Copy(Path.Combine(SourceTree.Root, file), Path.Combine(folder, file));
        }
    }

    /// <summary>Adds the next migration and builds.</summary>
    /// <param name="oldest">The last migration that a version must know to go on beside it; null: this one.</param>
    /// <param name="sql">What it does.</param>
    /// <returns>The program's file, which later builds leave alone.</returns>
    public async Task<string> BuildAsync(int? oldest, string sql)
    {
        var number = ++migrations;
        var path = Path.Combine(folder, "src", "Berth", "Metadata", "Migrations", $"{number:0000}-later.sql");
        await File.WriteAllTextAsync(path, $"-- oldest: {oldest ?? number}\n{sql}\n");
        var output = Path.Combine(folder, $"build-{++builds}");
        var start = new ProcessStartInfo(
            "dotnet",
            [
                "build", Path.Combine(folder, "src", "Berth"), "-c", "Release", "-o", output, "-v", "quiet", "-nologo",
                "-nodeReuse:false", "-p:RunAnalyzers=false", $"-p:Version=0.{number}.0",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await said + await errors);
        return Path.Combine(output, "berth.dll");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static bool IsForTheBuild(string file) => Path.GetExtension(file) is ".props" or ".json" or ".editorconfig"
        || Path.GetFileName(file).StartsWith("BannedSymbols", StringComparison.Ordinal);
}
