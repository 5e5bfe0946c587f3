using System.Net;
using System.Security.Cryptography;

namespace Berth.Vulnerabilities;

/// <summary>
/// Fetches files over HTTP, each only if the server has another than the copy. A file takes the place of its copy when
/// it is whole and of a known format.
/// </summary>
internal sealed class SourceFetch : IDisposable
{
    private const int MaxRedirects = 5;
    private const int MaxHeader = 1_000;
    private const int BufferBytes = 128 << 10;

    private const int Attempts = 3;

    private readonly FetchedCopies copies;
    private readonly long sizeBytes;
    private readonly TimeSpan patience;
    private readonly TimeSpan pause;
    private readonly HttpClient client;

    /// <param name="copies">Where copies are kept.</param>
    /// <param name="sizeBytes">The most bytes of a file.</param>
    /// <param name="patience">How long a server may send nothing.</param>
    /// <param name="pause">How long it has to get well before it is asked again.</param>
    public SourceFetch(FetchedCopies copies, long sizeBytes, TimeSpan patience, TimeSpan pause)
    {
        (this.copies, this.sizeBytes, this.patience, this.pause) = (copies, sizeBytes, patience, pause);
        client = new HttpClient(new SocketsHttpHandler
        {
            // It never follows one from https to http.
            MaxAutomaticRedirections = MaxRedirects,
            ConnectTimeout = patience,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("berth");
    }

    /// <summary>Brings a file up to date.</summary>
    /// <param name="name">What its copy is called.</param>
    /// <param name="address">Where it is.</param>
    /// <param name="sha256">What its content must be; null if that is not known.</param>
    /// <param name="stop">Cancels.</param>
    /// <returns>The copy.</returns>
    /// <exception cref="FetchException">It can't be fetched. Says why, and what to do.</exception>
    public async Task<FetchedCopy> BringAsync(string name, Uri address, string? sha256, CancellationToken stop)
    {
        var known = copies.Find(name);
        if (known is not null && known.Sha256 == sha256) return known;
        return await AskAsync(address, known?.Address == address.AbsoluteUri ? known : null, async (answer, limit) =>
        {
            if (answer.StatusCode == HttpStatusCode.NotModified && known is not null) return known;
            var beside = copies.Begin(name);
            try
            {
                var (hash, length) = await SaveAsync(answer, address, beside, limit);
                if (sha256 is not null && hash != sha256)
                    throw new FetchException($"{address} is not what its listing says: it is tried again later");
                DataFormats.Check(beside, sizeBytes);
                return copies.Keep(name, beside, new FetchedCopy(
                    address.AbsoluteUri, "", hash, length, ETagOf(answer), answer.Content.Headers.LastModified));
            }
            catch (InvalidDataException e)
            {
                throw new FetchException($"{address} {e.Message}: is this the right address?", e);
            }
            finally
            {
                File.Delete(beside);
            }
        }, stop);
    }

    /// <summary>Reads something small.</summary>
    /// <exception cref="FetchException">It can't be fetched. Says why, and what to do.</exception>
    public Task<byte[]> ReadAsync(Uri address, int mostBytes, CancellationToken stop) =>
        AskAsync(address, known: null, async (answer, limit) =>
        {
            await using var content = await answer.Content.ReadAsStreamAsync(limit.Token);
            var bytes = new byte[mostBytes + 1];
            var length = await content.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, limit.Token);
            if (length > mostBytes) throw new FetchException($"{address} has more than {mostBytes} bytes");
            return bytes[..length];
        }, stop);

    public void Dispose() => client.Dispose();

    private static string? ETagOf(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("ETag", out var values) && values.First() is { Length: <= MaxHeader } tag
            ? tag : null;

    /// <summary>Asks for a file.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="known">The copy; null to have it in any case.</param>
    /// <param name="read">Reads an answer of 200 or 304, and may put off its end as long as something comes.</param>
    /// <param name="stop">Cancels.</param>
    private async Task<T> AskAsync<T>(
        Uri address, FetchedCopy? known, Func<HttpResponseMessage, CancellationTokenSource, Task<T>> read,
        CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await AskOnceAsync(address, known, read, stop);
            }
            catch (FetchException e) when (e.IsTransient && attempt < Attempts)
            {
                await Task.Delay(pause * attempt, stop);
            }
        }
    }

    private async Task<T> AskOnceAsync<T>(
        Uri address, FetchedCopy? known, Func<HttpResponseMessage, CancellationTokenSource, Task<T>> read,
        CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(patience);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (known?.ETag is { } tag) request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            else request.Headers.IfModifiedSince = known?.LastModified;
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var isUsable = answer.StatusCode == HttpStatusCode.OK
                || (answer.StatusCode == HttpStatusCode.NotModified && known is not null);
            return isUsable ? await read(answer, limit) : throw Refused(address, answer);
        }
        catch (Exception e) when (e is OperationCanceledException && !stop.IsCancellationRequested)
        {
            throw new FetchException(
                $"{address} sent nothing for {patience.TotalSeconds:0.###} s: can this machine reach it?", e);
        }
        catch (HttpRequestException e)
        {
            throw new FetchException($"{address} can't be fetched ({Explain(e)}): can this machine reach it?", e)
            {
                IsTransient = true,
            };
        }
        catch (IOException e)
        {
            throw new FetchException($"{address} can't be fetched ({e.Message})", e) { IsTransient = true };
        }
    }

    private static FetchException Refused(Uri address, HttpResponseMessage answer) => (int)answer.StatusCode switch
    {
        404 or 410 => new FetchException($"{address} is not there (404): is this the right address?")
        {
            IsMissing = true,
        },
        >= 300 and < 400 => new FetchException(
            $"{address} redirects more than {MaxRedirects} times, or to http://: is this the right address?"),
        401 or 403 => new FetchException($"{address} is not for everybody ({(int)answer.StatusCode}): use a mirror")
        {
            // What buckets answer where there is nothing, if their content may not be listed.
            IsMissing = answer.StatusCode == HttpStatusCode.Forbidden,
        },
        429 or >= 500 => new FetchException($"{address} answers {(int)answer.StatusCode}: it is tried again later")
        {
            IsTransient = true,
        },
        var status => new FetchException($"{address} answers {status}: is this the right address?"),
    };

    private static string Explain(HttpRequestException e) => e.InnerException?.Message ?? e.Message;

    private async Task<(string Sha256, long Length)> SaveAsync(
        HttpResponseMessage answer, Uri address, string path, CancellationTokenSource limit)
    {
        if (answer.Content.Headers.ContentLength > sizeBytes) throw TooLarge(address);
        await using var content = await answer.Content.ReadAsStreamAsync(limit.Token);
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        var length = 0L;
        while (await content.ReadAsync(buffer, limit.Token) is > 0 and var read)
        {
            limit.CancelAfter(patience);
            length += read;
            if (length > sizeBytes) throw TooLarge(address);
            hash.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), limit.Token);
        }

        return (Convert.ToHexStringLower(hash.GetHashAndReset()), length);
    }

    private FetchException TooLarge(Uri address) =>
        new($"{address} has more than {sizeBytes} bytes: raise vulnerabilities.sizebytes if it is the right address");
}

/// <summary>A file can't be fetched. Its message says why, and what to do.</summary>
internal sealed partial class FetchException(string message, Exception? inner = null)
    : Exception(Query().Replace(message, ""), inner)
{
    /// <summary>A query of an address may have a secret in it, and what went wrong is logged and shown.</summary>
    [System.Text.RegularExpressions.GeneratedRegex(@"\?[^\s]+")]
    private static partial System.Text.RegularExpressions.Regex Query();

    /// <summary>Whether it may go well a little later.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether the server answers that there is none.</summary>
    public bool IsMissing { get; init; }
}
