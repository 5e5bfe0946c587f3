using System.Text.Json.Nodes;
using Berth.Settings;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Berth.Api;

/// <summary>The API's description (OpenAPI 3.1). It is the same for everyone, so it is written once.</summary>
internal sealed class ApiDocument([FromKeyedServices(ApiDocument.Name)] IOpenApiDocumentProvider document)
{
    public const string Name = "v1";

    private readonly Lock writing = new();
    private Task<byte[]>? written;

    public static void AddTo(IServiceCollection services, HttpSettings http) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;

        // HEAD answers as GET does, without a body.
        options.ShouldInclude = route => route.HttpMethod != HttpMethods.Head
            && route.ActionDescriptor.EndpointMetadata.OfType<RequiredRight>()
                .Any(required => required.Right != ApiRight.Everyone);
        options.AddDocumentTransformer((text, _, _) =>
        {
            Describe(text, http.Prefix.TrimEnd('/'));
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            Describe(schema, context);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Describe(
                operation, context.Description.HttpMethod!, context.Description.RelativePath!,
                context.Description.ActionDescriptor.EndpointMetadata);
            return Task.CompletedTask;
        });
    });

    public async Task AnswerAsync(HttpContext http)
    {
        Task<byte[]> text;
        lock (writing) text = written is { IsFaulted: false } ? written : written = WriteAsync();
        var body = await text;
        ApiGate.SetHeaders(http.Response);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private async Task<byte[]> WriteAsync()
    {
        var text = await document.GetOpenApiDocumentAsync(CancellationToken.None);
        using var buffer = new MemoryStream();
        await text.SerializeAsJsonAsync(buffer, OpenApiSpecVersion.OpenApi3_1, CancellationToken.None);
        return buffer.ToArray();
    }

    private static void Describe(OpenApiDocument text, string prefix)
    {
        text.Info = new OpenApiInfo
        {
            Title = "Berth",
            Version = "v1",
            Description = "Accounts, rights and repositories of a registry. Images are pushed and pulled under /v2/.",
        };
        text.Servers = [new OpenApiServer { Url = prefix.Length == 0 ? "/" : prefix }];
        text.Components ??= new OpenApiComponents();
        text.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["password"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "basic",
                Description = "A user's name, with a password or a personal token; or a robot's, with its secret.",
            },
            ["token"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A personal token or a robot's secret.",
            },
        };
        text.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("password", text)] = [] },
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", text)] = [] },
        ];
    }

    private static void Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        if (context.JsonTypeInfo.Type == typeof(ExpiryChange))
            (schema.Type, schema.Format) = (JsonSchemaType.String | JsonSchemaType.Null, "date-time");
        // A converter of one field hides its type.
        if (context.JsonPropertyInfo?.PropertyType == typeof(DateTimeOffset)) schema.Type = JsonSchemaType.String;
        schema.Description ??= FieldDescriptions.OfType(context.JsonTypeInfo.Type);
        if (context.JsonPropertyInfo is { } field)
            schema.Description ??= FieldDescriptions.Of(field.DeclaringType, field.Name);
    }

    private static void Describe(OpenApiOperation operation, string method, string path, IList<object> metadata)
    {
        var words = path.Split('/').Skip(2).Select(word => word.Trim('{', '}', '*').Split(':')[0]);
        operation.OperationId = method.ToLowerInvariant()
            + string.Concat(words.Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        operation.Parameters ??= [];
        foreach (var name in metadata.OfType<QueryFields>().SelectMany(fields => fields.Names))
        {
            if (operation.Parameters.Any(known => known.Name == name)) continue;
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Query,
                Description = FieldDescriptions.OfQuery(name),
                Schema = name == "n"
                    ? new OpenApiSchema
                    {
                        Type = JsonSchemaType.Integer,
                        Minimum = "1",
                        Default = JsonValue.Create(Page.UsualEntries),
                    }
                    : new OpenApiSchema { Type = JsonSchemaType.String },
            });
        }

        foreach (var known in operation.Parameters.OfType<OpenApiParameter>())
        {
            if (known.In == ParameterLocation.Query) known.Description ??= FieldDescriptions.OfQuery(known.Name!);
        }

        if (metadata.OfType<TakesVersion>().Any())
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = "If-Match",
                In = ParameterLocation.Header,
                Description = "The ETag of the version to change; without it, any version is changed.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            });
        }

        if (operation.Parameters.Count == 0) operation.Parameters = null;
    }
}
