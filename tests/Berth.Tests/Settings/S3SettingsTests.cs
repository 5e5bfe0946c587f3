using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class S3SettingsTests : IDisposable
{
    private const string Place = "bucket: b, region: eu-central-1";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_section_of_distribution_loads_as_it_is()
    {
        var result = _folder.Load(
            """
            storage:
              s3:
                accesskey: a
                secretkey: s
                region: us-west-1
                regionendpoint: http://store.example.com:9000
                forcepathstyle: true
                bucket: images
                encrypt: true
                keyid: k
                secure: true
                skipverify: false
                v4auth: true
                chunksize: 5242880
                multipartcopychunksize: 33554432
                multipartcopymaxconcurrency: 100
                multipartcopythresholdsize: 33554432
                rootdirectory: /some/where/
                storageclass: standard_ia
                useragent: x
                objectacl: bucket-owner-full-control
                usedualstack: false
                accelerate: false
                loglevel: off
              redirect:
                disable: true
            """);
        Assert.Empty(result.Faults);
        var s3 = result.Settings!.Storage.S3!;
        Assert.Equal(5 << 20, s3.ChunkSize);
        Assert.Equal("s3://images/some/where", s3.ToString());
        Assert.True(result.Settings.Storage.IsShared);
    }

    [Fact]
    public void Without_a_section_blobs_are_kept_in_the_folder() =>
        Assert.False(_folder.Load("version: 0.1").Settings!.Storage.IsShared);

    [Theory]
    [InlineData("region: r", "storage.s3.bucket")]
    [InlineData("bucket: b", "storage.s3.region")]
    [InlineData(Place + ", accesskey: a", "storage.s3.accesskey")]
    [InlineData(Place + ", secretkey: s", "storage.s3.accesskey")]
    [InlineData(Place + ", sessiontoken: t", "storage.s3.sessiontoken")]
    [InlineData("bucket: b, regionendpoint: 'ftp://x'", "storage.s3.regionendpoint")]
    [InlineData("bucket: b, regionendpoint: 'http://x/path'", "storage.s3.regionendpoint")]
    [InlineData("bucket: b, regionendpoint: 'http://x', accelerate: true", "storage.s3.regionendpoint")]
    [InlineData(Place + ", v4auth: false", "storage.s3.v4auth")]
    [InlineData(Place + ", storageclass: GLACIER", "storage.s3.storageclass")]
    [InlineData(Place + ", objectacl: everyone", "storage.s3.objectacl")]
    [InlineData(Place + ", useragent: 'ä'", "storage.s3.useragent")]
    [InlineData(Place + ", chunksize: 5MB", "storage.s3.chunksize")]
    [InlineData(Place + ", chunksize: 4MiB", "storage.s3.chunksize")]
    [InlineData(Place + ", multipartcopychunksize: 1MiB", "storage.s3.multipartcopychunksize")]
    [InlineData(Place + ", multipartcopythresholdsize: 6GiB", "storage.s3.multipartcopythresholdsize")]
    [InlineData(Place + ", multipartcopymaxconcurrency: 0", "storage.s3.multipartcopymaxconcurrency")]
    [InlineData(Place + ", uploadmemorybytes: 9MiB", "storage.s3.uploadmemorybytes")]
    [InlineData(Place + ", retries: -1", "storage.s3.retries")]
    [InlineData(Place + ", timeout: 0.5s", "storage.s3.timeout")]
    public void Settings_that_cannot_work_are_reported(string yaml, string key)
    {
        var fault = Assert.Single(_folder.Load($"storage: {{s3: {{{yaml}}}}}").Faults);
        Assert.Equal((key, Severity.Error), (fault.Key, fault.Severity));
    }

    [Theory]
    [InlineData("s3: {" + Place + ", keyid: k}", "storage.s3.keyid")]
    [InlineData("s3: {" + Place + ", skipverify: true}", "storage.s3.skipverify")]
    [InlineData("s3: {" + Place + ", loglevel: debug}", "storage.s3.loglevel")]
    [InlineData("s3: {" + Place + "}, filesystem: {rootdirectory: d}", "storage.filesystem.rootdirectory")]
    [InlineData("redirect: {mode: always}", "storage.redirect.mode")]
    [InlineData("redirect: {networks: [10.0.0.0/8]}", "storage.redirect.networks")]
    public void Settings_with_less_effect_than_it_seems_are_a_notice(string yaml, string key)
    {
        var result = _folder.Load($"storage: {{{yaml}}}");
        var fault = Assert.Single(result.Faults);
        Assert.Equal((key, Severity.Notice), (fault.Key, fault.Severity));
        Assert.NotNull(result.Settings);
    }

    [Theory]
    [InlineData("mode: inside", "storage.redirect.mode")]
    [InlineData("mode: sometimes", "storage.redirect.mode")]
    [InlineData("mode: outside, networks: [10.0.0.0/99]", "storage.redirect.networks.0")]
    [InlineData("validity: 8000h", "storage.redirect.validity")]
    [InlineData("disable: true, mode: always", "storage.redirect.disable")]
    public void Redirects_that_cannot_work_are_reported(string yaml, string key)
    {
        var result = _folder.Load($"storage: {{s3: {{{Place}}}, redirect: {{{yaml}}}}}");
        var fault = Assert.Single(result.Faults);
        Assert.Equal((key, Severity.Error), (fault.Key, fault.Severity));
    }

    [Fact]
    public void Settings_written_out_hold_no_secret()
    {
        var settings = new S3Settings { AccessKey = "access", SecretKey = "secret", SessionToken = "t0k" };
        var text = $"{settings} {new StorageSettings { S3 = settings }}";
        Assert.DoesNotContain("access", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("t0k", text, StringComparison.Ordinal);
    }
}
