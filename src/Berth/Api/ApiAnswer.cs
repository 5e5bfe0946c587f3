using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Options;

namespace Berth.Api;

/// <summary>What the audit log says of a change, besides its path.</summary>
/// <param name="Target">The name or number of what was made.</param>
/// <param name="Detail">What it was made to be; null if the target says it all.</param>
/// <param name="Repository">The repository, where the path does not name it.</param>
internal sealed record ChangeNote(string? Target, string? Detail = null, string? Repository = null)
{
    /// <summary>Whether the target is new, so that the path does not name it.</summary>
    public bool IsOfNew { get; init; }
}

/// <summary>What a request changed that each is an entry of the audit log, whatever it answers.</summary>
internal sealed record NotedOneByOne(IReadOnlyList<ChangeNote> Notes);

/// <summary>An answer to a change that has something to say to the audit log.</summary>
internal interface INoted
{
    ChangeNote Note { get; }
}

/// <summary>What a handler answers: a value as JSON, or an error.</summary>
internal sealed class ApiAnswer<T> : IResult, IEndpointMetadataProvider
    where T : class
{
    private const int TagBytes = 12;

    private readonly T? value;
    private readonly ApiError? error;

    /// <summary>What the ETag is made of; null if there is none, or a version.</summary>
    private T? counted;

    private ApiAnswer(T? value, ApiError? error) => (this.value, this.error) = (value, error);

    /// <summary>What is answered; null for an error.</summary>
    public T? Value => value;

    /// <summary>The error; null for a value.</summary>
    public ApiError? Error => error;

    /// <summary>Whether it is an answer to a request that made something.</summary>
    public bool IsNew { get; init; }

    /// <summary>The version of what is answered, for If-Match; null if it has none.</summary>
    public long? Version { get; init; }

    public static implicit operator ApiAnswer<T>(T value) => new(value, null);

    public static implicit operator ApiAnswer<T>(ApiError error) => new(null, error);

    /// <summary>Made: 201.</summary>
    public static ApiAnswer<T> Made(T value, long? version = null) =>
        new(value, null) { IsNew = true, Version = version };

    /// <summary>With an ETag.</summary>
    public static ApiAnswer<T> Of(T value, long version) => new(value, null) { Version = version };

    /// <summary>With an ETag made of all that is answered, for what has no version.</summary>
    public static ApiAnswer<T> Tagged(T value) => Tagged(value, value);

    /// <summary>The same where some of what is answered does not count for the ETag.</summary>
    public static ApiAnswer<T> Tagged(T value, T counted) => new(value, null) { counted = counted };

    /// <summary>That ETag: enough of a hash to tell changes of one thing apart.</summary>
    public static string TagOf(HttpContext http, T value) => TagOf(BodyOf(http, value));

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(
            new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), ["application/json"]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        if (error is not null)
        {
            await error.WriteAsync(response);
            return;
        }

        Note(httpContext);
        var body = BodyOf(httpContext, value!);
        response.StatusCode = IsNew ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        if (Version is { } version) response.Headers.ETag = ApiRequest.TagOf(version);
        else if (counted is not null)
            response.Headers.ETag = TagOf(ReferenceEquals(counted, value) ? body : BodyOf(httpContext, counted));

        // What was changed is noted afterwards, even if the client has left.
        if (!HttpMethods.IsHead(httpContext.Request.Method))
            await response.Body.WriteAsync(body, CancellationToken.None);
    }

    /// <summary>Keeps for the audit log what was changed.</summary>
    public void Note(HttpContext http)
    {
        if (value is INoted noted) http.Features.Set(noted.Note with { IsOfNew = IsNew });
    }

    private static string TagOf(byte[] body) =>
        $"\"{Convert.ToHexStringLower(SHA256.HashData(body).AsSpan(0, TagBytes))}\"";

    private static byte[] BodyOf(HttpContext http, T value)
    {
        var options = http.RequestServices.GetRequiredService<IOptions<JsonOptions>>().Value;
        var type = (JsonTypeInfo<T>)options.SerializerOptions.GetTypeInfo(typeof(T));
        return JsonSerializer.SerializeToUtf8Bytes(value, type);
    }
}

/// <summary>What a handler answers that has nothing to say: 204, or an error.</summary>
internal sealed class ApiDone : IResult, IEndpointMetadataProvider
{
    private readonly ApiError? error;

    private ApiDone(ApiError? error) => this.error = error;

    /// <summary>The error; null if it was done.</summary>
    public ApiError? Error => error;

    public static ApiDone Done { get; } = new(null);

    public static implicit operator ApiDone(ApiError? error) => new(error);

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status204NoContent, typeof(void)));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (error is not null) return error.WriteAsync(httpContext.Response);
        httpContext.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}

/// <summary>A list, or a page of one: then a Link header has where the next one is.</summary>
internal sealed record Listed<T>(IReadOnlyList<T> Items);
