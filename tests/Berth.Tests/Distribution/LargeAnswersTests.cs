using System.Net;
using System.Text;
using Berth.Distribution;
using Berth.Oci;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>The memory of large answers is bounded, however many clients ask for them and don't read.</summary>
[Inside]
public sealed class LargeAnswersTests
{
    private static readonly LimitSettings Limits = new() { ManifestMemoryBytes = 1 << 20 };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readers_of_a_manifest_share_its_bytes_and_others_find_room_once_they_are_done()
    {
        var answers = new LargeAnswers(Limits);
        var body = new byte[5 << 20];
        var digest = Digest.Of(DigestAlgorithm.Sha256, body);
        var first = (await answers.TryHoldAsync(digest, body.Length, () => new(body), Stop))!;
        var second = (await answers.TryHoldAsync(digest, body.Length, () => throw new IOException(), Stop))!;
        Assert.Equal(first.Bytes, second.Bytes);
        Assert.Equal(body.Length, answers.UsedBytes);
        Assert.Null(answers.TryHold(new byte[5 << 20]));

        first.Dispose();
        first.Dispose();
        Assert.Null(answers.TryHold(new byte[5 << 20]));
        second.Dispose();
        Assert.Equal(0, answers.UsedBytes);
        using var other = answers.TryHold(new byte[5 << 20]);
        Assert.NotNull(other);
    }

    [Fact]
    public async Task A_manifest_is_loaded_once_and_only_if_there_is_room()
    {
        var answers = new LargeAnswers(Limits);
        var digest = Digest.Of(DigestAlgorithm.Sha256, "large"u8);
        var arrives = new TaskCompletionSource<byte[]?>();
        using var first = new CancellationTokenSource();
        var goes = answers.TryHoldAsync(digest, 5 << 20, () => new(arrives.Task), first.Token).AsTask();
        var stays = answers.TryHoldAsync(digest, 5 << 20, () => throw new IOException(), Stop).AsTask();
        var other = Digest.Of(DigestAlgorithm.Sha256, "other"u8);
        Assert.Null(await answers.TryHoldAsync(other, 5 << 20, () => throw new IOException(), Stop));

        await first.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => goes);
        arrives.SetResult([1]);
        var hold = (await stays)!;
        Assert.Equal([1], hold.Bytes!.Value.ToArray());
        hold.Dispose();
        Assert.Equal(0, answers.UsedBytes);
    }

    [Fact]
    public async Task A_manifest_that_is_gone_or_can_not_be_loaded_keeps_no_room()
    {
        var answers = new LargeAnswers(Limits);
        var digest = Digest.Of(DigestAlgorithm.Sha256, "large"u8);
        using (var gone = (await answers.TryHoldAsync(digest, 5 << 20, () => new((byte[]?)null), Stop))!)
        {
            Assert.Null(gone.Bytes);
        }

        await Assert.ThrowsAsync<IOException>(async () =>
            await answers.TryHoldAsync(digest, 5 << 20, () => throw new IOException(), Stop));
        Assert.Equal(0, answers.UsedBytes);
        using var hold = await answers.TryHoldAsync(digest, 5 << 20, () => new(new byte[] { 1 }), Stop);
        Assert.Equal([1], hold!.Bytes!.Value.ToArray());
    }

    [Fact]
    public async Task Without_room_large_answers_are_told_to_retry_and_small_ones_are_served()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Limits = Limits });
        var large = await PushAsync(registry, "large", new string('x', 100_000));
        await PushAsync(registry, "small", "x");
        var subject = await PushAsync(registry, "subject", "y");
        await PushAsync(registry, "referrer", new string('z', 100_000), subject);

        var answers = registry.Services.GetRequiredService<LargeAnswers>();
        using (answers.TryHold(new byte[8 << 20]))
        {
            await RequireRefusalAsync(registry, "v2/a/manifests/large");
            await RequireRefusalAsync(registry, $"v2/a/manifests/{large}");
            await RequireRefusalAsync(registry, $"v2/a/referrers/{subject}");
            using var head = await registry.Client.SendAsync(
                new HttpRequestMessage(HttpMethod.Head, "v2/a/manifests/large"), Stop);
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
            Assert.Contains("\"x\"", await registry.Client.GetStringAsync("v2/a/manifests/small", Stop));
            await registry.Client.GetStringAsync("v2/a/tags/list", Stop);
        }

        Assert.Contains("xxx", await registry.Client.GetStringAsync("v2/a/manifests/large", Stop));
        Assert.Contains("zzz", await registry.Client.GetStringAsync($"v2/a/referrers/{subject}", Stop));

        // The client has all of it a moment before the server is done.
        await Eventually.TrueAsync(() => answers.UsedBytes == 0);
    }

    [Fact]
    public async Task A_page_of_referrers_ends_before_its_annotations_get_long()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var subject = await PushAsync(registry, "subject", "y");
        for (var i = 0; i < 5; i++) await PushAsync(registry, $"r{i}", new string('z', 100_000) + i, subject);

        var (pages, found) = (0, 0);
        for (var next = $"v2/a/referrers/{subject}"; next is not null; pages++)
        {
            using var answer = await registry.Client.GetAsync(next, Stop);
            var text = await answer.Content.ReadAsStringAsync(Stop);
            Assert.InRange(text.Length, 1, 300_000);
            found += text.Split("\"digest\"").Length - 1;
            next = answer.Headers.TryGetValues("Link", out var links)
                ? links.Single().Split('<', '>')[1].TrimStart('/')
                : null;
        }

        Assert.Equal((3, 5), (pages, found));
    }

    private static async Task RequireRefusalAsync(RegistryFixture registry, string path)
    {
        using var answer = await registry.Client.GetAsync(path, Stop);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
        Assert.Null(answer.Headers.ETag);
        Assert.Contains("TOOMANYREQUESTS", await answer.Content.ReadAsStringAsync(Stop));
    }

    private static async Task<Digest> PushAsync(
        RegistryFixture registry, string tag, string note, Digest? subject = null)
    {
        var about = subject is null
            ? ""
            : $$""","subject":{"mediaType":"{{MediaTypes.OciIndex}}","digest":"{{subject}}","size":2}""";
        var body = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciIndex}}","manifests":[]"""
            + $$""","annotations":{"note":"{{note}}"}{{about}}}""");
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new(MediaTypes.OciIndex);
        using var answer = await registry.Client.PutAsync($"v2/a/manifests/{tag}", content, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return Digest.Of(DigestAlgorithm.Sha256, body);
    }
}
