using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Berth.Pages;

/// <summary>
/// The style sheet, scripts and pictures of the pages. They are in the program; their addresses change with their
/// content, so that browsers keep them for as long as they like.
/// </summary>
internal static class Assets
{
    private const string Prefix = "/assets/";
    private const int HashDigits = 10;

    private static readonly Dictionary<string, Asset> All =
        new[] { "berth.css", "berth.js", "icons.svg", "mark.svg" }.Select(Asset.Load).ToDictionary(one => one.Path);

    private static readonly Dictionary<string, string> Paths =
        All.Values.ToDictionary(one => one.Name, one => one.Path);

    public static string PathOf(string name) => Paths[name];

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var (path, asset) in All) routes.MapMethods(path, ["GET", "HEAD"], asset.AnswerAsync);

        // Browsers ask for it wherever they are.
        routes.MapMethods("/favicon.ico", ["GET", "HEAD"], All[PathOf("mark.svg")].AnswerAsync);
    }

    private sealed record Asset(string Name, string Path, string Type, byte[] Body, byte[] Packed)
    {
        public static Asset Load(string name)
        {
            using var resource = typeof(Assets).Assembly.GetManifestResourceStream(name)!;
            var body = new byte[resource.Length];
            resource.ReadExactly(body);
            var packed = new byte[BrotliEncoder.GetMaxCompressedLength(body.Length)];
            if (!BrotliEncoder.TryCompress(body, packed, out var length, quality: 9, window: 18))
                throw new InvalidOperationException($"{name} could not be compressed");
            var hash = Convert.ToHexStringLower(SHA256.HashData(body))[..HashDigits];
            var type = System.IO.Path.GetExtension(name) switch
            {
                ".css" => "text/css; charset=utf-8",
                ".js" => "text/javascript; charset=utf-8",
                _ => "image/svg+xml",
            };
            return new Asset(name, $"{Prefix}{hash}/{name}", type, body, packed[..length]);
        }

        public async Task AnswerAsync(HttpContext http)
        {
            var isPacked = Accepted.Encoding(http.Request, "br");
            var body = isPacked ? Packed : Body;
            var headers = http.Response.Headers;
            headers.CacheControl = http.Request.Path == Path ? "public, max-age=31536000, immutable" : "max-age=3600";
            headers.XContentTypeOptions = "nosniff";
            headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
            headers.Vary = "Accept-Encoding";
            if (isPacked) headers.ContentEncoding = "br";
            http.Response.ContentType = Type;
            http.Response.ContentLength = body.Length;
            if (!HttpMethods.IsHead(http.Request.Method))
                await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
    }
}
