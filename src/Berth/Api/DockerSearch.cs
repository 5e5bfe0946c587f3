using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Search;
using Berth.Settings;

namespace Berth.Api;

/// <summary>
/// <c>/v1/_ping</c> and <c>/v1/search</c>, which <c>docker search</c> and <c>podman search</c> ask. Docker only takes a
/// status of 200; podman asks <c>/v2/_catalog</c> after any other.
/// </summary>
internal sealed class DockerSearch(SignIn signIn, AccessRules access, Database database, RateLimits rates,
    ILogger<DockerSearch> log)
{
    private const int UsualEntries = 25;
    private const int MostEntries = 100;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/_ping", ["GET", "HEAD"], PingAsync);
        routes.MapMethods("/v1/search", ["GET", "HEAD"], AnswerAsync);
    }

    /// <summary>That the registry is not a part of Docker Hub, so that clients send Basic with each request.</summary>
    private static Task PingAsync(HttpContext http)
    {
        http.Response.Headers["X-Docker-Registry-Standalone"] = "true";
        return WriteAsync(http, """{"standalone":true}"""u8.ToArray());
    }

    private async Task AnswerAsync(HttpContext http)
    {
        RegistryError? error;
        try
        {
            error = await FindAsync(http);
        }
        catch (Exception e) when (!http.Response.HasStarted && StorageFailure.Of(e) is { } failure)
        {
            error = failure.Report(http.Response, log);
        }

        if (error is not null) await error.WriteAsync(http.Response);
    }

    private async Task<RegistryError?> FindAsync(HttpContext http)
    {
        var found = await signIn.FindAsync(http);
        var caller = found.Caller ?? Caller.Anonymous;
        if (rates.Take(http, caller, RateLimitKind.List) is { } wait) return RegistryError.RateExceeded(wait);
        if (found.IsBusy) return RegistryError.NotChecked(found);
        if (found.Caller is null)
        {
            http.Response.Headers.WWWAuthenticate = "Basic realm=\"Berth\"";
            return RegistryError.Unauthorized(found.Reason!);
        }

        // A token for something else shows what everybody sees.
        if (caller.Scopes is { } scopes && !scopes.Any(scope => scope.Covers(AccessAction.Catalog, null)))
            caller = Caller.Anonymous;
        http.Features.Set(caller);
        var sent = http.Request.Query;
        var (size, page) = (NumberOf(sent["n"], UsualEntries, MostEntries), NumberOf(sent["page"], 1, int.MaxValue));
        var text = sent["q"].ToString();
        var result = await SearchAsync(text, caller, http.RequestAborted);
        await WriteAsync(http, Write(text, result, size, page));
        return null;
    }

    /// <summary>What is not a query finds nothing: clients show no reason.</summary>
    private async ValueTask<IReadOnlyList<RankedRepository>> SearchAsync(
        string text, Caller caller, CancellationToken cancellation)
    {
        if (SearchQuery.Parse(text.Replace('\0', ' '), out _) is not { } query) return [];
        var places = SearchPlaces.Of(
            query, await access.VisibleAsync(caller, cancellation), caller.Limits is not null);
        var result = await database.ReadAsync(
            session => RegistrySearch.RunAsync(session, query, places, caller.Id), cancellation);
        return result.Repositories;
    }

    private static byte[] Write(string text, IReadOnlyList<RankedRepository> found, int size, int page)
    {
        var shown = found.Skip((int)Math.Min((page - 1L) * size, found.Count)).Take(size).ToList();
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("query", text);
            json.WriteNumber("num_results", found.Count);
            json.WriteNumber("num_pages", (found.Count + size - 1) / size);
            json.WriteNumber("page", page);
            json.WriteNumber("page_size", size);
            json.WriteStartArray("results");
            foreach (var one in shown.Select(one => one.Repository))
            {
                json.WriteStartObject();
                json.WriteString("name", one.Name);
                json.WriteString("description", one.Description ?? "");
                json.WriteNumber("star_count", one.Stars);
                json.WriteBoolean("is_official", one.IsOfficial);
                json.WriteBoolean("is_automated", false);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    private static int NumberOf(string? text, int usual, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? Math.Min(number, most) : usual;

    private static Task WriteAsync(HttpContext http, byte[] body)
    {
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask : http.Response.Body.WriteAsync(body).AsTask();
    }
}
