using Berth.Tests.Clients;
using Berth.Tests.Servers;

namespace Berth.Tests.Signatures;

/// <summary>Bundles made by Sigstore's own stand-in for its services, the npm package @sigstore/mock.</summary>
public sealed class MockSigstoreTests
{
    [Fact]
    public async Task Bundles_of_the_stand_in_for_Sigstore_verify_as_the_names_of_their_folders_say()
    {
        var packages = await ServerScript.ReadyAsync();
        var folder = Directory.CreateTempSubdirectory("berth-bundles-").FullName;
        try
        {
            // The program looks for packages beside itself.
            var program = Path.Combine(folder, "mock.mjs");
            File.Copy(Path.Combine(SourceTree.Root, "tests/Berth.Tests/Signatures/mock.mjs"), program);
            Directory.CreateSymbolicLink(
                Path.Combine(folder, "node_modules"), Path.Combine(packages, "sigstore-mock/node_modules"));
            var cases = Directory.CreateDirectory(Path.Combine(folder, "cases")).FullName;
            var run = await ProgramRun.StartAsync(
                "node", [program, cases], new Dictionary<string, string>(), folder, TimeSpan.FromMinutes(1));
            run.OutputOfSuccess();
            ConformanceTests.VerifyAll(cases);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
