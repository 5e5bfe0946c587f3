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
    private const string MediaType = "application/octet-stream";

    private readonly ApiError? error;
    private readonly string name = "";
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

    private ApiFile(ApiError error) => this.error = error;

    public static implicit operator ApiFile(ApiError error) => new(error);

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) => builder.Metadata.Add(
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(byte[]), [MediaType]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        if (error is not null)
        {
            await error.WriteAsync(response);
            return;
        }

        using var place = await reading!.TakePlaceAsync(httpContext.RequestAborted);
        if (place is null)
        {
            await ApiError.Busy("the registry is reading other files: ask again later").WriteAsync(response);
            return;
        }

        response.ContentType = MediaType;
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
}
