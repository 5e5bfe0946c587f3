using System.Reflection;
using System.Runtime.Loader;
using Berth.Tests.Access;
using Berth.Tests.Clients;
using Berth.Tests.Lifecycle;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Berth.Tests.Api;

/// <summary>
/// The API's description, and a client that Kiota generates from it, as others do: without a warning, and good enough
/// to write a program with (<c>GeneratedClient/RoundTrip.cs</c>).
/// </summary>
[Once]
public sealed class GeneratedClientTests
{
    /// <summary>Where the description is kept; BERTH_TEST_WRITE=1 writes it anew.</summary>
    private const string Golden = "tests/Berth.Tests/Api/openapi.json";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>As the SDK sets them for each project: a newer version of an assembly is as good.</summary>
    private static readonly Dictionary<string, ReportDiagnostic> Usual = new()
    {
        ["CS1701"] = ReportDiagnostic.Suppress,
        ["CS1702"] = ReportDiagnostic.Suppress,
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_description_changes_only_on_purpose()
    {
        await using var registry = await AccountsOf.StartAsync();
        using var client = new HttpClient();
        var text = (await client.GetStringAsync(new Uri(registry.BaseAddress, "api/v1/openapi.json"), Stop))
            .Replace(registry.BaseAddress.GetLeftPart(UriPartial.Authority), "https://registry.example")
            .ReplaceLineEndings("\n") + "\n";
        var file = Path.Combine(SourceTree.Root, Golden);
        if (Environment.GetEnvironmentVariable("BERTH_TEST_WRITE") == "1")
            await File.WriteAllTextAsync(file, text, Stop);
        Assert.Equal(await File.ReadAllTextAsync(file, Stop), text);
    }

    [Fact]
    public async Task A_generated_client_compiles_and_makes_a_round_trip_through_the_API()
    {
        await using var registry = await AccountsOf.StartAsync();
        var folder = Directory.CreateTempSubdirectory("berth-kiota-").FullName;
        try
        {
            await GenerateAsync(new Uri(registry.BaseAddress, "api/v1/openapi.json"), folder);
            var program = await CompileAsync(folder);
            var pusher = new ImagePusher(registry, "admin");
            Func<string, string, Task> push = (repository, tag) => pusher.PushAsync(repository, tag, tag);
            var run = program.GetType("Berth.Generated.RoundTrip")!.GetMethod("RunAsync")!;
            await (Task)run.Invoke(null, [registry.BaseAddress, AccountsOf.AdminPassword, push])!;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task GenerateAsync(Uri description, string folder)
    {
        (await DotnetAsync("tool", "restore")).OutputOfSuccess();
        var run = await DotnetAsync(
            "tool", "run", "kiota", "--", "generate", "--language", "CSharp", "--class-name", "BerthClient",
            "--namespace-name", "Berth.Generated", "--openapi", $"{description}", "--output", folder);
        var said = run.OutputOfSuccess() + run.Error;
        Assert.Contains("Generation completed successfully", said, StringComparison.Ordinal);
        Assert.DoesNotContain("warn", said, StringComparison.OrdinalIgnoreCase);
    }

    private static Task<ProgramRun> DotnetAsync(params string[] arguments) => ProgramRun.StartAsync(
        "dotnet", arguments,
        new Dictionary<string, string>
        {
            ["DOTNET_NOLOGO"] = "1",
            ["KIOTA_CLI_TELEMETRY_OPTOUT"] = "true",
            ["KIOTA_OFFLINE_ENABLED"] = "true",
        },
        SourceTree.Root, Limit);

    private static async Task<Assembly> CompileAsync(string folder)
    {
        var files = Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Append(Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Api", "GeneratedClient", "RoundTrip.cs"));
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var trees = new List<SyntaxTree>
        {
            CSharpSyntaxTree.ParseText(
                """
                global using System; global using System.Collections.Generic; global using System.Linq;
                global using System.Net.Http; global using System.Threading.Tasks;
                """,
                options, cancellationToken: Stop),
        };
        foreach (var file in files)
        {
            trees.Add(CSharpSyntaxTree.ParseText(
                await File.ReadAllTextAsync(file, Stop), options, file, cancellationToken: Stop));
        }

        Assert.InRange(trees.Count, 250, 10_000);
        var known = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            "Berth.Generated", trees, known.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable,
                specificDiagnosticOptions: Usual));
        using var bytes = new MemoryStream();
        var result = compilation.Emit(bytes, cancellationToken: Stop);
        Assert.Empty(result.Diagnostics.Where(one => one.Severity >= DiagnosticSeverity.Warning).Take(20));
        bytes.Position = 0;
        return new AssemblyLoadContext("generated", isCollectible: true).LoadFromStream(bytes);
    }
}
