using System.Text;
using Berth.Oci;

namespace Berth.Tests.Oci;

/// <summary>What provenances say, as the builders that people use write them.</summary>
public class ProvenanceSummaryTests
{
    [Fact]
    public void What_BuildKit_says_of_a_git_context_is_read()
    {
        var found = Read("""
            {"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2",
              "predicate":{"builder":{"id":"https://ci.example/runs/7"},
              "buildType":"https://mobyproject.org/buildkit@v1",
              "materials":[
                {"uri":"pkg:docker/docker/dockerfile@1","digest":{"sha256":"aa"}},
                {"uri":"https://git.example/acme/app.git#refs/heads/main","digest":{"sha1":"0123456789abcdef"}}],
              "invocation":{"configSource":{"uri":"https://git.example/acme/app.git#refs/heads/main:sub/folder",
                "digest":{"sha1":"0123456789abcdef"},"entryPoint":"Dockerfile"}},
              "metadata":{"buildInvocationID":"xyz","buildStartedOn":"2026-03-01T10:00:00Z",
                "buildFinishedOn":"2026-03-01T10:02:30.5Z"}}}
            """)!;
        Assert.Equal(
            ("https://git.example/acme/app.git", "0123456789abcdef", "refs/heads/main", "Dockerfile"),
            (found.Source, found.Revision, found.Ref, found.File));
        Assert.Equal(("https://ci.example/runs/7", "xyz"), (found.Builder, found.Run));
        Assert.Equal(new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero), found.StartedAt);
        Assert.Equal(TimeSpan.FromSeconds(150.5), found.FinishedAt - found.StartedAt);
        Assert.Equal(2, found.MaterialCount);
        Assert.Equal(new BuildMaterial("pkg:docker/docker/dockerfile@1", "sha256:aa"), found.Materials[0]);
    }

    [Fact]
    public void What_a_workflow_says_is_read()
    {
        var found = Read("""
            {"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{
              "buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://git.example/acme/app",
                  "path":".github/workflows/release.yml"}},
                "resolvedDependencies":[{"uri":"git+https://git.example/acme/app@refs/heads/main",
                  "digest":{"gitCommit":"0123456789abcdef"}}]},
              "runDetails":{"builder":{"id":"https://git.example/acme/app/release.yml@refs/heads/main"},
                "metadata":{"invocationId":"https://git.example/acme/app/actions/runs/1/attempts/1"}}}}
            """)!;
        Assert.Equal(
            ("https://git.example/acme/app", "0123456789abcdef", "refs/heads/main", ".github/workflows/release.yml"),
            (found.Source, found.Revision, found.Ref, found.File));
        Assert.Equal("https://git.example/acme/app/actions/runs/1/attempts/1", found.Run);
        Assert.Null(found.StartedAt);
    }

    [Fact]
    public void What_BuildKit_says_of_a_local_folder_is_read()
    {
        var found = Read("""
            {"predicate":{"buildDefinition":{"externalParameters":{"configSource":{"path":"Dockerfile"}},
              "resolvedDependencies":[{"uri":"pkg:docker/alpine@3","digest":{"sha256":"bb"}}]},
              "runDetails":{"builder":{"id":""},"metadata":{"startedOn":"yesterday"}}}}
            """)!;
        Assert.Equal((null, null, null, "Dockerfile"), (found.Source, found.Revision, found.Builder, found.File));
        Assert.Null(found.StartedAt);
        Assert.Equal("pkg:docker/alpine@3", Assert.Single(found.Materials).Uri);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"predicate\":{\"materials\":{\"uri\":1}}}")]
    [InlineData("{\"payload\":\"AAAA\"}")]
    [InlineData("{\"predicate\":{\"builder\":{\"id\":\"\\ud800\"}}}")]
    public void What_says_nothing_is_none(string json) => Assert.Null(Read(json));

    [Fact]
    public void Of_many_materials_some_are_told()
    {
        var all = string.Join(',', Enumerable.Range(0, 2000).Select(i => $$"""{"uri":"pkg:npm/a@{{i}}"}"""));
        var found = Read($$"""{"predicate":{"materials":[{{all}}]} }""")!;
        Assert.Equal((1000, 50), (found.MaterialCount, found.Materials.Count));
    }

    private static ProvenanceSummary? Read(string json) => ProvenanceSummary.Read(Encoding.UTF8.GetBytes(json));
}
