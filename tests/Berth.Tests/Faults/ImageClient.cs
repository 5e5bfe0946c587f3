using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Tests.Faults;

/// <summary>An answer that a client of a sound registry never gets.</summary>
internal sealed class UnexpectedAnswerException(string message) : Exception(message);

/// <summary>
/// Pushes images in every way there is, and pulls them as a distrustful client: everything is hashed.
/// </summary>
internal sealed class ImageClient(HttpClient http, Random random)
{
    /// <summary>Pushes everything an image needs, then its manifest.</summary>
    public async Task PushAsync(TestImage image)
    {
        foreach (var blob in image.Blobs) await PushBlobAsync(image, blob);
        await PushManifestAsync(image);
    }

    /// <summary>Pushes the manifest again and again while the last blob is still on its way.</summary>
    public async Task PushImpatientlyAsync(TestImage image)
    {
        var blobs = image.Blobs.ToList();
        foreach (var blob in blobs[..^1]) await PushBlobAsync(image, blob);
        var last = Task.Run(() => PushBlobAsync(image, blobs[^1]));
        while (!await TryPushManifestAsync(image)) await Task.Yield();
        await last;
    }

    /// <summary>Pushes as most clients do: only the blobs that are not there.</summary>
    public async Task PushWhatIsMissingAsync(TestImage image)
    {
        await PushMissingBlobsAsync(image);
        await PushManifestAsync(image);
    }

    /// <summary>The same beside a collection without grace, which may take blobs that no manifest needs yet.</summary>
    /// <returns>Whether the image is there; if not, the push has to be repeated.</returns>
    public async Task<bool> TryPushWhatIsMissingAsync(TestImage image)
    {
        await PushMissingBlobsAsync(image);
        return await TryPushManifestAsync(image);
    }

    private async Task PushMissingBlobsAsync(TestImage image)
    {
        foreach (var blob in image.Blobs)
        {
            if (await HeadBlobAsync(image.Repository, blob) != HttpStatusCode.OK) await PushBlobAsync(image, blob);
        }
    }

    public async Task PushManifestAsync(TestImage image)
    {
        using var answer = await PutManifestAsync(image);
        await ExpectAsync(answer, HttpStatusCode.Created);
    }

    /// <summary>Pushes an index that refers to a subject and has an annotation of this length.</summary>
    /// <returns>Its digest.</returns>
    public async Task<string> PushAnnotatedAsync(string repository, string subject, int length)
    {
        const string Index = "application/vnd.oci.image.index.v1+json";
        var body = Encoding.ASCII.GetBytes(
            $$$"""
            {"schemaVersion":2,"mediaType":"{{{Index}}}","manifests":[],
            "subject":{"mediaType":"{{{Index}}}","digest":"{{{subject}}}","size":2},
            "annotations":{"note":"{{{new string('x', length)}}}"}}
            """);
        var digest = TestBlob.DigestOf(body);
        using var content = Bytes(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(Index);
        using var answer = await http.PutAsync($"v2/{repository}/manifests/{digest}", content);
        await ExpectAsync(answer, HttpStatusCode.Created);
        return digest;
    }

    private async Task<bool> TryPushManifestAsync(TestImage image)
    {
        using var answer = await PutManifestAsync(image);
        if (answer.StatusCode == HttpStatusCode.NotFound) return false;
        await ExpectAsync(answer, HttpStatusCode.Created);
        return true;
    }

    private async Task<HttpResponseMessage> PutManifestAsync(TestImage image)
    {
        using var manifest = Bytes(image.Manifest);
        manifest.Headers.ContentType = new MediaTypeHeaderValue(TestImage.MediaType);
        return await http.PutAsync($"v2/{image.Repository}/manifests/{image.Tag}", manifest);
    }

    /// <summary>True if the image's manifest is there; then all of it has to be.</summary>
    public async Task<bool> IsWholeAsync(TestImage image)
    {
        using var answer = await http.GetAsync($"v2/{image.Repository}/manifests/{image.Tag}");
        if (answer.StatusCode == HttpStatusCode.NotFound) return false;
        await ExpectAsync(answer, HttpStatusCode.OK);
        var served = await answer.Content.ReadAsByteArrayAsync();
        if (!served.AsSpan().SequenceEqual(image.Manifest))
        {
            throw new UnexpectedAnswerException($"{image.Repository}:{image.Tag} is not what was pushed");
        }

        foreach (var blob in image.Blobs) await PullBlobAsync(image.Repository, blob);
        return true;
    }

    public async Task PullBlobAsync(string repository, TestBlob blob)
    {
        using var answer = await http.GetAsync(
            $"v2/{repository}/blobs/{blob.Digest}", HttpCompletionOption.ResponseHeadersRead);
        await ExpectAsync(answer, HttpStatusCode.OK);
        await using var content = await answer.Content.ReadAsStreamAsync();
        var found = "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(content));
        if (found != blob.Digest) throw new UnexpectedAnswerException($"{blob.Digest} was served as {found}");
    }

    public async Task<HttpStatusCode> HeadBlobAsync(string repository, TestBlob blob)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, $"v2/{repository}/blobs/{blob.Digest}");
        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }

    public Task PushBlobAsync(TestImage image, TestBlob blob)
    {
        if (blob == image.Mounted) return MountAsync(image, blob);
        return random.Next(4) switch
        {
            0 => PushWholeAsync(image.Repository, blob),
            1 => PushInOneRequestAsync(image.Repository, blob),
            _ => PushInChunksAsync(image.Repository, blob, random.Next(1, 4)),
        };
    }

    public async Task PushWholeAsync(string repository, TestBlob blob) =>
        await FinishAsync(await StartAsync(repository, ""), blob, blob.Content);

    public async Task PushInOneRequestAsync(string repository, TestBlob blob)
    {
        using var content = Bytes(blob.Content);
        using var answer = await http.PostAsync($"v2/{repository}/blobs/uploads/?digest={blob.Digest}", content);
        await ExpectAsync(answer, HttpStatusCode.Created);
    }

    public async Task PushInChunksAsync(string repository, TestBlob blob, int chunks)
    {
        var location = await StartAsync(repository, "");
        var content = blob.Content;
        for (var (sent, chunk) = (0, 0); chunk < chunks; chunk++)
        {
            var end = (int)((long)content.Length * (chunk + 1) / chunks);
            if (end == sent) continue;
            using var part = Bytes(content[sent..end]);
            part.Headers.TryAddWithoutValidation(
                "Content-Range", string.Create(CultureInfo.InvariantCulture, $"{sent}-{end - 1}"));
            using var answer = await http.PatchAsync(location, part);
            await ExpectAsync(answer, HttpStatusCode.Accepted);
            location = answer.Headers.Location!;
            sent = end;
        }

        await FinishAsync(location, blob, []);
    }

    public async Task<Uri> StartAsync(string repository, string query)
    {
        using var answer = await http.PostAsync($"v2/{repository}/blobs/uploads/{query}", null);
        await ExpectAsync(answer, HttpStatusCode.Accepted);
        return answer.Headers.Location!;
    }

    private async Task MountAsync(TestImage image, TestBlob blob)
    {
        var query = $"?mount={blob.Digest}&from={image.MountedFrom!.Repository}";
        using var answer = await http.PostAsync($"v2/{image.Repository}/blobs/uploads/{query}", null);
        if (answer.StatusCode == HttpStatusCode.Created) return;
        await ExpectAsync(answer, HttpStatusCode.Accepted);
        await FinishAsync(answer.Headers.Location!, blob, blob.Content);
    }

    private async Task FinishAsync(Uri location, TestBlob blob, byte[] rest)
    {
        using var content = Bytes(rest);
        var separator = location.OriginalString.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        using var answer = await http.PutAsync(
            $"{location.OriginalString}{separator}digest={blob.Digest}", content);
        await ExpectAsync(answer, HttpStatusCode.Created);
    }

    private static ByteArrayContent Bytes(byte[] content)
    {
        var body = new ByteArrayContent(content);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return body;
    }

    private static async Task ExpectAsync(HttpResponseMessage answer, HttpStatusCode expected)
    {
        if (answer.StatusCode == expected) return;
        throw new UnexpectedAnswerException(
            $"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri} was answered "
            + $"{(int)answer.StatusCode}, not {(int)expected}: {await answer.Content.ReadAsStringAsync()}");
    }
}
