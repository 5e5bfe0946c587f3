using Microsoft.AspNetCore.Http.Metadata;

namespace Berth.Api;

/// <summary>What is said of a route where it is mapped.</summary>
internal static class ApiRoute
{
    /// <summary>Its routes answer HEAD wherever they answer GET (RFC 9110, section 9.3.2).</summary>
    public static RouteGroupBuilder AnswersHead(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Add(builder =>
        {
            var methods = builder.Metadata.OfType<HttpMethodMetadata>().FirstOrDefault();
            if (methods?.HttpMethods is not ["GET"]) return;
            builder.Metadata.Remove(methods);
            builder.Metadata.Add(new HttpMethodMetadata(["GET", "HEAD"]));
        });
        return group;
    }

    /// <summary>The right that it requires, which is checked before anything else, and what it does.</summary>
    /// <param name="route">The route.</param>
    /// <param name="right">The right.</param>
    /// <param name="summary">What it does, in a few words.</param>
    public static RouteHandlerBuilder Requires(this RouteHandlerBuilder route, ApiRight right, string summary)
    {
        var required = new RequiredRight(right);
        route.WithMetadata(required).WithSummary(summary).WithDescription(required.Words);
        route.Add(builder =>
        {
            DescribeErrors(builder);
            var next = builder.RequestDelegate!;
            builder.RequestDelegate = http =>
                http.RequestServices.GetRequiredService<ApiGate>().HandleAsync(http, required, next);
        });
        return route;
    }

    /// <summary>It makes something: 201.</summary>
    public static RouteHandlerBuilder Makes(this RouteHandlerBuilder route)
    {
        route.Add(builder =>
        {
            var made = builder.Metadata.OfType<ProducesResponseTypeMetadata>().First(m => m.StatusCode == 200);
            builder.Metadata.Remove(made);
            builder.Metadata.Add(new ProducesResponseTypeMetadata(201, made.Type, [.. made.ContentTypes]));
        });
        return route;
    }

    /// <summary>It answers a page, and takes these filters besides n and last.</summary>
    public static RouteHandlerBuilder Lists(this RouteHandlerBuilder route, params string[] filters) =>
        route.WithMetadata(new QueryFields(["n", "last", .. filters]));

    /// <summary>Its body may be larger than those of others.</summary>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder route, int bytes) =>
        route.WithMetadata(new LargestBody(bytes));

    /// <summary>It tells nothing of anybody, and is asked for again and again: no entry in the audit log.</summary>
    public static RouteHandlerBuilder Unnoted(this RouteHandlerBuilder route) => route.WithMetadata(new IsUnnoted());

    /// <summary>It honours If-Match.</summary>
    public static RouteHandlerBuilder Versioned(this RouteHandlerBuilder route)
    {
        route.Add(builder => builder.Metadata.Add(ErrorType(412)));
        return route.WithMetadata(new TakesVersion());
    }

    private static void DescribeErrors(EndpointBuilder builder)
    {
        var isRead = builder.Metadata.OfType<HttpMethodMetadata>().Any(m => m.HttpMethods.Contains("GET"));
        var hasBody = builder.Metadata.OfType<IAcceptsMetadata>().Any();
        var hasTarget = ((RouteEndpointBuilder)builder).RoutePattern.Parameters.Count > 0;
        var statuses = new List<int> { 400, 401, 403 };
        if (hasTarget) statuses.Add(404);
        if (!isRead) statuses.Add(409);
        if (hasBody) statuses.AddRange([413, 415]);
        foreach (var status in statuses) builder.Metadata.Add(ErrorType(status));
    }

    private static ProducesResponseTypeMetadata ErrorType(int status) =>
        new(status, typeof(Problem), [ApiError.MediaType]);
}

/// <summary>The fields of the query that a route reads itself.</summary>
internal sealed record QueryFields(IReadOnlyList<string> Names);

/// <summary>The most bytes in the body of a route that takes more than others.</summary>
internal sealed record LargestBody(int Bytes);

/// <summary>A route that honours If-Match.</summary>
internal sealed record TakesVersion;

/// <summary>The route of the API that a form stands for: what the audit log has.</summary>
internal sealed record NotedAs(string Route);

/// <summary>A route whose reading is not noted in the audit log.</summary>
internal sealed record IsUnnoted;
