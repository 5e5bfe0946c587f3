using System.IO.Pipelines;
using System.Text;
using BenchmarkDotNet.Attributes;
using Berth.Access;
using Berth.Audit;
using Berth.Blobs;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Bench;

/// <summary>The code that every request or every byte passes through. Allocations are part of the result.</summary>
[MemoryDiagnoser]
public class HotPaths
{
    private const string BlobPath =
        "/v2/library/app/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    private readonly HttpContext request = new DefaultHttpContext();
    private readonly HttpContext userRequest = new DefaultHttpContext();
    private readonly byte[] manifest = Encoding.UTF8.GetBytes(ManifestText(layers: 10));
    private string folder = "";
    private ServiceProvider parts = null!;
    private SignIn signIn = null!;
    private AccessRules access = null!;

    [GlobalSetup(Target = nameof(CheckAccess))]
    public Task OpenAsync() => OpenAsync(auth: null);

    [GlobalSetup(Target = nameof(CheckAccessOfKnownUser))]
    public async Task OpenWithUserAsync()
    {
        var users = Path.Combine(Directory.CreateTempSubdirectory("berth-bench-").FullName, "users");
        File.WriteAllText(users, "bench:$2y$04$tdrU.nyg/aTyPlxq.dBA0.8VjIAzDeOqfbLr1g9iQB2TdAHbO6k12\n");
        await OpenAsync(new AuthSettings { Htpasswd = new HtpasswdSettings { Path = users } });
        userRequest.Request.Headers.Authorization = "Basic " + Convert.ToBase64String("bench:bench"u8);
        if (!await CheckAccessOfKnownUser()) throw new InvalidOperationException("the password is not right");
    }

    [GlobalCleanup(Targets = [nameof(CheckAccess), nameof(CheckAccessOfKnownUser)])]
    public async Task CloseAsync()
    {
        await parts.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Benchmark(Description = "parsing the path of a blob")]
    public object ParsePath()
    {
        _ = V2Target.Check(V2Path.Parse(BlobPath), "GET", out var target);
        return target;
    }

    [Benchmark(Description = "access check without users")]
    public ValueTask<bool> CheckAccess() => IsAllowedAsync(signIn, access, request, AccessAction.Pull);

    [Benchmark(Description = "access check of a user with a cached password")]
    public ValueTask<bool> CheckAccessOfKnownUser() =>
        IsAllowedAsync(signIn, access, userRequest, AccessAction.Push);

    private async Task OpenAsync(AuthSettings? auth)
    {
        folder = Directory.CreateTempSubdirectory("berth-bench-").FullName;
        var settings = new RegistrySettings { Auth = auth };
        var database = await SqliteDatabase.OpenAsync(Path.Combine(folder, "berth.db"));
        var services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System)
            .AddSingleton<Database>(_ => database).AddSingleton<RepositoryTable>();
        new AuditSlice().AddServices(services, settings);
        new AccessSlice().AddServices(services, settings);
        parts = services.BuildServiceProvider();
        _ = parts.GetRequiredService<Database>();
        (signIn, access) = (parts.GetRequiredService<SignIn>(), parts.GetRequiredService<AccessRules>());
    }

    private static async ValueTask<bool> IsAllowedAsync(
        SignIn signIn, AccessRules rules, HttpContext http, AccessAction action) =>
        await signIn.FindAsync(http) is { Caller: { } caller }
        && await rules.AskAsync(caller, action, repository: null, default) == AccessAnswer.Allowed;

    [Benchmark(Description = "validation of a manifest with 10 layers")]
    public object ValidateManifest() => Manifest.Parse(manifest, MediaTypes.OciManifest);

    private static string ManifestText(int layers)
    {
        const string Digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        string Descriptor(string type) => $$"""{"mediaType":"{{type}}","digest":"{{Digest}}","size":2}""";
        var layer = Descriptor("application/vnd.oci.image.layer.v1.tar+gzip");
        var list = string.Join(",", Enumerable.Repeat(layer, layers));
        return $$"""
            {"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}",
             "config":{{Descriptor("application/vnd.oci.image.config.v1+json")}},"layers":[{{list}}]}
            """;
    }
}

/// <summary>An upload from the server's buffers through the hash to the file, 64 MiB at a time.</summary>
[MemoryDiagnoser]
public class UploadPipeline : IDisposable
{
    private const int TotalBytes = 64 * 1024 * 1024;
    private const int BlockBytes = 64 * 1024;

    private readonly string folder = Directory.CreateTempSubdirectory("berth-bench-").FullName;
    private readonly byte[] block = new byte[BlockBytes];

    [Benchmark(Description = "64 MiB of an upload: hashed and written")]
    public async Task<string> HashAndWrite()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1024 * 1024, resumeWriterThreshold: 512 * 1024));
        var path = Path.Combine(folder, "upload");
        _ = RepositoryName.TryParse("bench", out var repository);
        using var upload = new FileBlobUpload(
            UploadId.New(), repository, DigestAlgorithm.Sha256, path, isDirect: true, state: null);
        var sending = SendAsync(pipe.Writer);
        await upload.AppendAsync(pipe.Reader, long.MaxValue, CancellationToken.None);
        await sending;
        var digest = (await upload.ComputeDigestAsync(
            DigestAlgorithm.Sha256, read: null, CancellationToken.None)).Text;
        File.Delete(path);
        return digest;
    }

    public void Dispose()
    {
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private async Task SendAsync(PipeWriter writer)
    {
        for (var sent = 0; sent < TotalBytes; sent += BlockBytes) await writer.WriteAsync(block);
        await writer.CompleteAsync();
    }
}
