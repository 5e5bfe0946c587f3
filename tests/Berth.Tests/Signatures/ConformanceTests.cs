namespace Berth.Tests.Signatures;

/// <summary>
/// Runs the cases of Sigstore's conformance suite in the folder that <c>BERTH_TEST_SIGSTORE_BUNDLES</c> names
/// (<c>test/assets/bundle-verify</c> of sigstore-conformance), with the public <c>trusted_root.json</c> put beside
/// them. Without it, cases in the same form that the tests make themselves.
/// </summary>
public sealed class ConformanceTests
{
    [Fact]
    public void Bundles_verify_as_the_names_of_their_folders_say()
    {
        var given = Environment.GetEnvironmentVariable("BERTH_TEST_SIGSTORE_BUNDLES");
        var folder = given ?? Make();
        try
        {
            VerifyAll(folder);
        }
        finally
        {
            if (given is null) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Verifies all cases in a folder, of which some must fail.</summary>
    internal static void VerifyAll(string folder)
    {
        var cases = Directory.GetDirectories(folder)
            .Select(one => new ConformanceBundle(one, Path.Combine(folder, "trusted_root.json")))
            .Select(one => (one.Name, one.MustFail, one.Verify(LittleSigstore.Time).Fault)).ToList();
        Assert.Contains(cases, one => one.MustFail);
        Assert.Contains(cases, one => !one.MustFail);
        Assert.All(cases, one => Assert.True(
            one.MustFail == one.Fault is not null, $"{one.Name}: {one.Fault?.Reason ?? "no fault"}"));
    }

    private static string Make()
    {
        var folder = Directory.CreateTempSubdirectory("berth-bundles-").FullName;
        var (sigstore, names) = (new LittleSigstore(), TestCertificate.Names(new Uri(LittleIdentity.Workflow)));
        foreach (var kind in Enum.GetValues<LittleKind>())
        {
            var right = new LittleBundle(sigstore, kind, new LittleIdentity { Names = names });
            Write($"{kind}", right, LittleBundle.Content);
            Write($"{kind}-of-something-else_fail", right, [1]);
            right.Signature = [.. right.Signature[..^1], (byte)(right.Signature[^1] ^ 1)];
            Write($"{kind}-altered_fail", right, LittleBundle.Content);
        }

        return folder;

        void Write(string name, LittleBundle bundle, byte[] artifact)
        {
            var path = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
            File.WriteAllText(Path.Combine(path, "bundle.sigstore.json"), bundle.Bundle.ToJsonString());
            File.WriteAllText(Path.Combine(path, "trusted_root.json"), bundle.Root.ToJsonString());
            File.WriteAllText(Path.Combine(path, "identity"), LittleIdentity.Workflow);
            File.WriteAllText(Path.Combine(path, "issuer"), LittleIdentity.TokenIssuer);
            File.WriteAllBytes(Path.Combine(path, "artifact"), artifact);
        }
    }
}
