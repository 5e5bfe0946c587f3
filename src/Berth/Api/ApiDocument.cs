using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Distribution;
using Berth.Settings;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Berth.Api;

/// <summary>
/// The API's description (OpenAPI 3.1). It is the same for everyone, so it is written once, but for the address that
/// the client has for this registry: generators make it the one that their client uses.
/// </summary>
internal sealed class ApiDocument(
    [FromKeyedServices(ApiDocument.Name)] IOpenApiDocumentProvider document, Locations locations)
{
    public const string Name = "v1";

    /// <summary>Where the address goes.</summary>
    private const string Address = "https://address.invalid";

    private readonly Lock writing = new();
    private Task<(byte[] Before, byte[] After)>? written;

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
        Task<(byte[] Before, byte[] After)> text;
        lock (writing) text = written is { IsFaulted: false } ? written : written = WriteAsync();
        var (before, after) = await text;
        var address = JsonEncodedText.Encode(locations.RootOf(http)).EncodedUtf8Bytes.ToArray();
        ApiGate.SetHeaders(http.Response);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = before.Length + address.Length + after.Length;
        foreach (var part in new[] { before, address, after })
            await http.Response.Body.WriteAsync(part, http.RequestAborted);
    }

    private async Task<(byte[] Before, byte[] After)> WriteAsync()
    {
        var text = await document.GetOpenApiDocumentAsync(CancellationToken.None);
        using var buffer = new MemoryStream();
        await text.SerializeAsJsonAsync(buffer, OpenApiSpecVersion.OpenApi3_1, CancellationToken.None);
        var bytes = buffer.ToArray();
        var cut = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Address));
        return (bytes[..cut], bytes[(cut + Address.Length)..]);
    }

    private static void Describe(OpenApiDocument text, string prefix)
    {
        text.Info = new OpenApiInfo
        {
            Title = "Berth",
            Version = "v1",
            Description = "Accounts, rights and repositories of a registry. Images are pushed and pulled under /v2/.",
        };
        text.Servers = [new OpenApiServer { Url = Address + prefix }];
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
        if (context.JsonPropertyInfo is not { } field) return;
        schema.Description ??= FieldDescriptions.Of(field.DeclaringType, field.Name);

        // Generated clients make this the message of what they throw.
        if (field.DeclaringType == typeof(Problem) && field.Name == "detail")
            schema.AddExtension("x-ms-primary-error-message", new JsonNodeExtension(JsonValue.Create(true)));
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
                Description = FieldDescriptions.OfQuery(path, name),
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
            if (known.In == ParameterLocation.Query) known.Description ??= FieldDescriptions.OfQuery(path, known.Name!);
        }

        if (operation.Parameters.Any(known => known.Name == "last")
            && operation.Responses?.GetValueOrDefault("200") is OpenApiResponse page)
        {
            page.Headers = new Dictionary<string, IOpenApiHeader>
            {
                ["Link"] = new OpenApiHeader
                {
                    Description = "Where the next page is: <path>; rel=\"next\". Absent on the last one.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                },
            };
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
