using Berth.Settings;

namespace Berth.Tests.Settings;

/// <summary>
/// Files in the ways in which users of registry:2 write theirs, each with what Berth says of it. Lines like
/// <c># REGISTRY_X=y</c> at a file's beginning are its environment.
/// </summary>
public sealed class Registry2FilesTests : IDisposable
{
    private static readonly string Golden =
        Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Settings", "Golden", "registry2");

    private readonly SettingsFolder _folder = new();
    private readonly CertificateFolder _certificates = new();

    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(Golden, "*.yml").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_of_registry2_works_or_is_refused_with_the_reason(string name)
    {
        var result = Load(name);
        var isStarting = result.Settings is not null ? "starts" : "does not start";
        var said = SettingsFolder.Print(result).Replace(_folder.Path, "/etc", StringComparison.Ordinal)
            .Replace("/etc/config.yml", name + ".yml", StringComparison.Ordinal);
        var expected = File.ReadAllText(Path.Combine(Golden, name + ".txt"));
        Assert.Equal(expected, $"{said}\n{isStarting}\n".TrimStart());
    }

    [Fact]
    public void Merged_keys_yield_to_written_ones()
    {
        var settings = Load("anchors").Settings!;
        Assert.Equal("production", settings.Storage.S3!.Bucket);
        Assert.Equal("eu-central-1", settings.Storage.S3.Region);
        Assert.True(settings.Storage.S3.Encrypt);
        Assert.Equal(["DENY"], settings.Http.Headers["X-Frame-Options"]);
        Assert.Equal(["no-referrer"], settings.Http.Headers["Referrer-Policy"]);
        Assert.Equal(500, settings.Limits.PageEntries);
    }

    [Fact]
    public void Old_names_mean_what_they_meant()
    {
        var settings = Load("oldest").Settings!;
        Assert.Equal(LogLevelName.Debug, settings.Log.Level);
        Assert.Equal(500, settings.Limits.PageEntries);
        Assert.Equal("none", settings.Validation.Manifests.Indexes.Platforms);
        Assert.Null(settings.Auth);
        var s3 = Load("s3aws").Settings!.Storage.S3!;
        Assert.Equal(("registry", true, "STANDARD_IA"), (s3.Bucket, s3.HasBucketInPath, s3.StorageClass));
        Assert.Equal(LogLevelName.Warn, Load("switched-off").Settings!.Log.Level);
    }

    [Theory]
    [InlineData("regionendpoint: 'http://minio:9000'", true)]
    [InlineData("regionendpoint: 'http://minio:9000', forcepathstyle: false", false)]
    [InlineData("region: eu-central-1", false)]
    [InlineData("region: eu-central-1, forcepathstyle: true", true)]
    public void The_bucket_stands_in_the_path_where_registry2_has_it_there(string keys, bool isInPath) =>
        Assert.Equal(
            isInPath, _folder.Load($"storage: {{s3: {{bucket: b, {keys}}}}}").Settings!.Storage.S3!.HasBucketInPath);

    [Fact]
    public void A_header_may_be_a_plain_text()
    {
        var headers = Load("ui-with-cors").Settings!.Http.Headers;
        Assert.Equal(["nosniff"], headers["x-content-type-options"]);
        Assert.Equal(["HEAD", "GET", "OPTIONS", "DELETE"], headers["Access-Control-Allow-Methods"]);
    }

    [Theory]
    [InlineData("storage: {s3: {bucket: a}, s3aws: {bucket: b}}", "storage.s3aws")]
    [InlineData("a: {<<: 1}", "")]
    [InlineData("http: {prefix: registry}", "http.prefix")]
    [InlineData("http: {prefix: /a/../b}", "http.prefix")]
    [InlineData("http: {debug: {addr: '5001'}}", "http.debug.addr")]
    [InlineData("http: {debug: {addr: '127.0.0.1:5000'}}", "http.debug.addr")]
    [InlineData("storage: {inmemory: {}, s3: {bucket: b, region: r}}", "storage.inmemory")]
    [InlineData("storage: {cache: {blobdescriptor: memcached}}", "storage.cache.blobdescriptor")]
    public void Another_spelling_of_a_key_is_checked_like_the_key(string yaml, string key) => Assert.Contains(
        _folder.Load(yaml).Faults, fault => fault.Key == key && fault.Severity == Severity.Error);

    public void Dispose()
    {
        _folder.Dispose();
        _certificates.Dispose();
    }

    private SettingsResult Load(string name)
    {
        File.Copy(_certificates.Certificate, Path.Combine(_folder.Path, "cert.pem"), overwrite: true);
        File.Copy(_certificates.Key, Path.Combine(_folder.Path, "key.pem"), overwrite: true);
        File.Copy(_certificates.ClientIssuer, Path.Combine(_folder.Path, "clients.pem"), overwrite: true);
        _folder.Write("users", "alice:$2y$05$abcdefghijklmnopqrstuu5Lz8eWjQq0xkYvD6y4v1l0eJq7rYb2K\n");
        var text = File.ReadAllText(Path.Combine(Golden, name + ".yml"))
            .Replace("FOLDER", _folder.Path, StringComparison.Ordinal);
        var variables = text.Split('\n').Where(line => line.StartsWith("# REGISTRY_", StringComparison.Ordinal));
        return _folder.Load(text, [.. variables.Select(line => line[2..])]);
    }
}
