using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Distribution;
using Berth.Import;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>The images of a server, over the distribution API as any client uses it.</summary>
internal sealed class RemoteImages : IDisposable
{
    private const int Attempts = 5;

    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly HttpClient client;

    /// <summary>For the store that a server sends clients to: it must not get their password.</summary>
    private readonly HttpClient other = new(new SocketsHttpHandler { UseCookies = false })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>One that has never answered may be the wrong one: nobody wants to wait for it.</summary>
    private volatile bool hasAnswered;

    /// <param name="server">Its address, which may have a path.</param>
    /// <param name="credentials">Who signs in; null: who the client's certificate names.</param>
    /// <param name="handler">How it is reached.</param>
    public RemoteImages(Uri server, AuthenticationHeaderValue? credentials, SocketsHttpHandler handler)
    {
        client = new HttpClient(handler)
        {
            BaseAddress = new Uri(server.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/v2/"),

            // A layer may take hours.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.Authorization = credentials;
    }

    public ImageSource Source => new Pulling(this);

    public ImageSink Sink => new Pushing(this);

    public void Dispose()
    {
        client.Dispose();
        other.Dispose();
    }

    /// <summary>Asks, again where that may help. The body is read too, unless it is left to the caller as a stream.
    /// </summary>
    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, Func<HttpContent>? content, CancellationToken cancellation,
        bool mayBeMissing = false, HttpCompletionOption until = HttpCompletionOption.ResponseContentRead)
    {
        for (var attempt = 1; ; attempt++)
        {
            var wait = SourceClient.DelayAfter(attempt);
            try
            {
                var answer = await SendOnceAsync(method, path, content?.Invoke(), until, cancellation);
                hasAnswered = true;
                if (answer.IsSuccessStatusCode || (mayBeMissing && answer.StatusCode == HttpStatusCode.NotFound))
                    return answer;
                using (answer)
                {
                    wait = answer.Headers.RetryAfter?.Delta ?? wait;
                    if (!SourceClient.IsTransient(answer.StatusCode) || attempt == Attempts || wait > LongestWait)
                    {
                        throw new ApiRefusalException(await ExplainAsync(answer, cancellation))
                        {
                            IsSignIn = answer.StatusCode == HttpStatusCode.Unauthorized,
                        };
                    }
                }
            }
            catch (HttpRequestException e) when (SourceOf(e) is { } source)
            {
                throw new SourceException(source.Message, source) { IsUnreachable = source.IsUnreachable };
            }
            catch (HttpRequestException) when (hasAnswered && attempt < Attempts)
            {
                // It may be restarting.
            }

            await Task.Delay(wait, cancellation);
        }
    }

    /// <summary>What is sent may not have come from where it is read.</summary>
    private static SourceException? SourceOf(Exception e)
    {
        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
        {
            if (cause is SourceException source) return source;
        }

        return null;
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpMethod method, string path, HttpContent? content, HttpCompletionOption until,
        CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, new Uri(client.BaseAddress!, path)) { Content = content };
        request.Headers.TryAddWithoutValidation("Accept", SourceClient.ManifestTypes);
        var answer = await client.SendAsync(request, until, cancellation);
        if (answer.StatusCode is not HttpStatusCode.TemporaryRedirect || answer.Headers.Location is not { } location)
            return answer;
        var place = new Uri(request.RequestUri!, location);
        answer.Dispose();
        return await other.GetAsync(place, until, cancellation);
    }

    private static async Task<string> ExplainAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
            var error = json.RootElement.GetProperty("errors")[0];
            var detail = error.TryGetProperty("detail", out var more) && more.ValueKind == JsonValueKind.Object
                ? $" ({more.GetRawText()})" : "";
            return error.GetProperty("message").GetString() + detail;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or IndexOutOfRangeException)
        {
            return $"the server answered {(int)answer.StatusCode}: is it a registry?";
        }
    }

    private sealed class Pulling(RemoteImages images) : ImageSource
    {
        public override async Task<FoundManifest?> FindAsync(
            RepositoryName repository, Reference reference, CancellationToken cancellation)
        {
            using var answer = await images.SendAsync(
                HttpMethod.Get, $"{repository}/manifests/{reference}", null, cancellation, mayBeMissing: true);
            if (answer.StatusCode == HttpStatusCode.NotFound) return null;
            var body = await answer.Content.ReadAsByteArrayAsync(cancellation);
            var digest = reference.Digest ?? Digest.Of(DigestAlgorithm.Sha256, body);
            return Digest.Of(digest.Algorithm, body) == digest
                ? new FoundManifest(digest, answer.Content.Headers.ContentType?.MediaType ?? "", body)
                : throw new InvalidDataException($"the server's {repository}@{digest} has another digest");
        }

        public override async Task<List<Digest>> ReferrersAsync(
            RepositoryName repository, Digest subject, CancellationToken cancellation)
        {
            var all = new List<Digest>();
            for (var path = $"{repository}/referrers/{subject}"; path is not null;)
            {
                using var answer = await images.SendAsync(HttpMethod.Get, path, null, cancellation, mayBeMissing: true);
                if (answer.StatusCode == HttpStatusCode.NotFound) break;
                using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
                foreach (var entry in json.RootElement.GetProperty("manifests").EnumerateArray())
                    all.Add(Digest.Parse(entry.GetProperty("digest").GetString()!));
                path = NextOf(answer, path);
            }

            return all;
        }

        public override async Task<List<Tag>> TagsAsync(RepositoryName repository, CancellationToken cancellation)
        {
            var all = new List<Tag>();
            for (var path = $"{repository}/tags/list?n=1000"; path is not null;)
            {
                using var answer = await images.SendAsync(HttpMethod.Get, path, null, cancellation, mayBeMissing: true);
                if (answer.StatusCode == HttpStatusCode.NotFound) break;
                using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
                foreach (var name in json.RootElement.GetProperty("tags").EnumerateArray())
                {
                    if (Tag.TryParse(name.GetString(), out var tag)) all.Add(tag);
                }

                path = NextOf(answer, path);
            }

            return all;
        }

        public override async Task<Stream?> OpenAsync(
            RepositoryName repository, Digest digest, CancellationToken cancellation)
        {
            var answer = await images.SendAsync(
                HttpMethod.Get, $"{repository}/blobs/{digest}", null, cancellation, mayBeMissing: true,
                HttpCompletionOption.ResponseHeadersRead);
            return answer.StatusCode == HttpStatusCode.NotFound
                ? null : await answer.Content.ReadAsStreamAsync(cancellation);
        }

        /// <summary>Only the query counts, so that a password is sent to nobody else.</summary>
        private static string? NextOf(HttpResponseMessage answer, string path)
        {
            if (!answer.Headers.TryGetValues("Link", out var links)) return null;
            var link = links.First().Split('<', '>')[1];
            return link.Split('?', 2) is [_, var query] ? $"{path.Split('?')[0]}?{query}" : null;
        }
    }

    private sealed class Pushing(RemoteImages images) : ImageSink
    {
        /// <summary>The server says if it is too large for it.</summary>
        public override long MaxManifestBytes => 64 << 20;

        public override async Task<bool> HasAsync(
            RepositoryName repository, Digest digest, CancellationToken cancellation)
        {
            using var answer = await images.SendAsync(
                HttpMethod.Head, $"{repository}/blobs/{digest}", null, cancellation, mayBeMissing: true);
            if (answer.StatusCode != HttpStatusCode.NotFound) return true;
            using var mounting = await images.SendAsync(
                HttpMethod.Post, $"{repository}/blobs/uploads/?mount={digest}", null, cancellation);
            if (mounting.StatusCode == HttpStatusCode.Created) return true;

            // The server has begun an upload instead.
            if (mounting.Headers.Location is { } place)
            {
                using var ended = await images.SendAsync(
                    HttpMethod.Delete, new Uri(mounting.RequestMessage!.RequestUri!, place).PathAndQuery, null,
                    cancellation, mayBeMissing: true);
            }

            return false;
        }

        public override Task<FoundManifest?> FindManifestAsync(
            RepositoryName repository, Digest digest, CancellationToken cancellation) =>
            images.Source.FindAsync(repository, new Reference(digest), cancellation);

        public override async Task<Digest?> FindTagAsync(
            RepositoryName repository, Tag tag, CancellationToken cancellation)
        {
            using var answer = await images.SendAsync(
                HttpMethod.Head, $"{repository}/manifests/{tag}", null, cancellation, mayBeMissing: true);
            return answer.Headers.TryGetValues("Docker-Content-Digest", out var values)
                ? Digest.Parse(values.First()) : null;
        }

        public override async Task PutAsync(
            RepositoryName repository, BlobSource blob, Action<long> read, CancellationToken cancellation)
        {
            using var answer = await images.SendAsync(
                HttpMethod.Post, $"{repository}/blobs/uploads/?digest={blob.Digest}", () => new SentBlob(blob),
                cancellation);
            if (answer.StatusCode != HttpStatusCode.Created)
                throw new InvalidDataException($"the server did not take {blob.Digest} in one request");
            read(blob.SizeBytes);
        }

        public override async Task<string?> PutManifestAsync(
            RepositoryName repository, Digest digest, Manifest manifest, byte[] body, Tag? tag,
            CancellationToken cancellation)
        {
            try
            {
                using var answer = await images.SendAsync(
                    HttpMethod.Put, $"{repository}/manifests/{tag?.Text ?? digest.Text}",
                    () => new ByteArrayContent(body)
                    {
                        Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) },
                    },
                    cancellation);
                return null;
            }
            catch (ApiRefusalException e) when (tag is not null && RegistryError.IsTagImmutable(e.Message))
            {
                return e.Message;
            }
        }
    }

    /// <summary>A blob on its way to a server.</summary>
    private sealed class SentBlob : HttpContent
    {
        private readonly BlobSource blob;

        public SentBlob(BlobSource blob)
        {
            this.blob = blob;
            Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OctetStream);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            var output = System.IO.Pipelines.PipeWriter.Create(
                stream, new System.IO.Pipelines.StreamPipeWriterOptions(leaveOpen: true));
            await blob.CopyToAsync(output, cancellationToken);
            await output.CompleteAsync();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = blob.SizeBytes;
            return true;
        }
    }
}
