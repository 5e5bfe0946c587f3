using System.Reflection;
using Berth.Contents;
using Microsoft.AspNetCore.Http.Metadata;

namespace Berth.Api;

/// <summary>
/// The bytes of a file that anybody may have made, or an error. No browser shows them, runs them, or guesses what they
/// are.
/// </summary>
internal sealed class ApiFile : IResult, IEndpointMetadataProvider
{
    private const string AnyType = "application/octet-stream";

    private readonly ApiError? error;
    private readonly string name = "";
    private readonly string mediaType = AnyType;
    private readonly long bytes;
    private readonly FileReading? reading;
    private readonly Func<Stream, CancellationToken, Task<string?>>? copy;

    /// <param name="name">Under which name it is saved.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="reading">Who says whether there is a place to read it.</param>
    /// <param name="copy">Copies it, and says why it could not be copied whole.</param>
    public ApiFile(
        string name, long bytes, FileReading reading, Func<Stream, CancellationToken, Task<string?>> copy) =>
        (this.name, this.bytes, this.reading, this.copy) = (name, bytes, reading, copy);

    /// <summary>One that was made for this answer.</summary>
    /// <param name="name">Under which name it is saved.</param>
    /// <param name="mediaType">What it is, which no part of an image may say.</param>
    /// <param name="content">The file.</param>
    public ApiFile(string name, string mediaType, Stream content)
    {
        (this.name, this.mediaType, bytes) = (name, mediaType, content.Length);
        copy = async (output, stop) =>
        {
            await content.CopyToAsync(output, stop);
            return null;
        };
    }

    /// <summary>One whose bytes are here.</summary>
    public ApiFile(string name, byte[] body)
    {
        (this.name, bytes) = (name, body.Length);
        copy = async (output, stop) =>
        {
            await output.WriteAsync(body, stop);
            return null;
        };
    }

    private ApiFile(ApiError error) => this.error = error;

    /// <summary>Its length in bytes.</summary>
    public long Length => bytes;

    /// <summary>Why there is none; null if there is one.</summary>
    public ApiError? Error => error;

    public static implicit operator ApiFile(ApiError error) => new(error);

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) => builder.Metadata.Add(
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(byte[]), [AnyType]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        if (error is not null)
        {
            await error.WriteAsync(response);
            return;
        }

        using var place = await TakePlaceAsync(httpContext.RequestAborted);
        if (place is null)
        {
            await Busy().WriteAsync(response);
            return;
        }

        response.ContentType = mediaType;
        response.ContentLength = bytes;
        response.Headers.ContentDisposition = $"attachment; filename*=UTF-8''{Uri.EscapeDataString(name)}";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        if (HttpMethods.IsHead(httpContext.Request.Method) || bytes == 0) return;
        if (await copy!(response.Body, httpContext.RequestAborted) is not { } failure) return;
        if (response.HasStarted)
        {
            // Whoever reads must not take a part for the whole.
            httpContext.Abort();
            return;
        }

        response.Clear();
        ApiGate.SetHeaders(response);
        await ApiError.Conflict($"the file can't be read: {failure}").WriteAsync(response);
    }

    /// <summary>Its beginning, for a page that shows it.</summary>
    /// <param name="most">So many bytes at most.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The bytes, or why there are none.</returns>
    public async Task<(byte[] Bytes, ApiError? Error)> ReadAsync(int most, CancellationToken cancellation)
    {
        if (error is not null) return ([], error);
        if (bytes == 0) return ([], null);
        using var place = await TakePlaceAsync(cancellation);
        if (place is null) return ([], Busy());
        using var enough = new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, cancellation);
        await using var beginning = new Beginning((int)Math.Min(most, bytes), enough);
        try
        {
            var failure = await copy!(beginning, either.Token);
            return failure is null || beginning.IsFull
                ? (beginning.ToArray(), null) : ([], ApiError.Conflict($"the file can't be read: {failure}"));
        }
        catch (OperationCanceledException) when (beginning.IsFull && !cancellation.IsCancellationRequested)
        {
            return (beginning.ToArray(), null);
        }
    }

    private async ValueTask<IDisposable?> TakePlaceAsync(CancellationToken cancellation) =>
        reading is null ? new NoPlace() : await reading.TakePlaceAsync(cancellation);

    public static ApiError Busy() => ApiError.Busy("the registry is reading other files: ask again later");

    /// <summary>What is in memory takes none.</summary>
    private sealed class NoPlace : IDisposable
    {
        public void Dispose()
        {
        }
    }

    /// <summary>Takes the first bytes, and ends the copying then.</summary>
    private sealed class Beginning(int most, CancellationTokenSource enough) : MemoryStream
    {
        public bool IsFull => Length == most;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer[..(int)Math.Min(buffer.Length, most - Length)]);
            if (IsFull) enough.Cancel();
        }

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer[..(int)Math.Min(buffer.Length, most - Length)], cancellationToken);
            if (IsFull) await enough.CancelAsync();
        }
    }
}
