using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Import;
using Berth.Oci;
using Berth.Scanners;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>A request to scan an image, checked.</summary>
/// <param name="Registry">Where the image is.</param>
/// <param name="Repository">Its repository there.</param>
/// <param name="Digest">Its manifest.</param>
/// <param name="Tag">The tag that it was asked for by; empty: none.</param>
/// <param name="MediaType">What its manifest is; empty: it was not said.</param>
/// <param name="Kinds">The reports that are wanted: <see cref="ReportKinds"/>.</param>
internal sealed record ScanRequest(
    SourceAddress Registry, RepositoryName Repository, Digest Digest, string Tag, string MediaType,
    IReadOnlyList<string> Kinds)
{
    public const int MaxBytes = 64 << 10;

    private const int MaxAuthorizationChars = 32 << 10;
    private const int MaxTextChars = 512;
    private const int MaxCapabilities = 10;

    /// <summary>What the registry is to be asked with. It is never written down.</summary>
    public AuthenticationHeaderValue? Authorization { get; private init; }

    /// <summary>The same as a name and a password, if it is that.</summary>
    public SourceCredentials? Credentials { get; private init; }

    /// <summary>Reads a request.</summary>
    /// <param name="body">Its body.</param>
    /// <param name="registries">The registries that may be asked.</param>
    /// <param name="isOld">Whether it is of version 1.0, which can't say what is wanted, and knows vulnerabilities
    /// alone.</param>
    public static (ScanRequest? Request, AdapterError? Error) Read(
        ReadOnlyMemory<byte> body, IReadOnlyList<string> registries, bool isOld)
    {
        try
        {
            using var document = JsonDocument.Parse(body, ScannerJson.Options);
            return Read(document.RootElement, registries, isOld);
        }
        catch (JsonException)
        {
            return (null, AdapterError.Malformed("the body is no valid JSON"));
        }
        catch (FormatException e)
        {
            return (null, AdapterError.Malformed(e.Message));
        }
    }

    /// <summary>Secrets don't belong into logs.</summary>
    public override string ToString() => $"{Registry.Host}/{Repository.Text}@{Digest.Text}";

    private static (ScanRequest? Request, AdapterError? Error) Read(
        JsonElement root, IReadOnlyList<string> registries, bool isOld)
    {
        var (registry, artifact) = (PartOf(root, "registry"), PartOf(root, "artifact"));
        if (registry is null || artifact is null) return Invalid("registry and artifact are required");
        if (AddressOf(TextOf(registry.Value, "url")) is not { } address)
            return Invalid("registry.url must be a URL of scheme and host only, such as https://harbor.example.com");
        if (!IsListed(registries)(address.Root))
        {
            return Invalid($"{address.Root.GetLeftPart(UriPartial.Authority)} is not in scanneradapter.registries of "
                + "this server: its operator can name it there");
        }

        if (!RepositoryName.TryParse(TextOf(artifact.Value, "repository"), out var repository))
            return Invalid("artifact.repository must be the name of a repository");
        if (!Digest.TryParse(TextOf(artifact.Value, "digest"), out var digest))
            return Invalid("artifact.digest must be a digest, such as sha256:…");
        var mediaType = MediaTypes.Canonical(TextOf(artifact.Value, "mime_type"));
        if (mediaType.Length > 0 && !MediaTypes.IsImageManifest(mediaType))
            return (null, AdapterError.Incapable($"only manifests of images are scanned, and no {mediaType}"));
        var (kinds, error) = KindsOf(root, isOld);
        if (error is not null) return (null, error);
        var tag = TextOf(artifact.Value, "tag");
        var request = new ScanRequest(
            address, repository, digest, Oci.Tag.TryParse(tag, out _) ? tag : "", mediaType, kinds);
        var header = TextOf(registry.Value, "authorization", MaxAuthorizationChars);
        if (header.Length == 0) return (request, null);
        return AuthorizationOf(header) is var (authorization, credentials)
            ? (request with { Authorization = authorization, Credentials = credentials }, null)
            : Invalid("registry.authorization must be Bearer and a token, or Basic and base64 of USER:PASSWORD");
    }

    /// <summary>Whether an address is one of those that may be asked: by scheme, host and port.</summary>
    public static Func<Uri, bool> IsListed(IReadOnlyList<string> registries)
    {
        var origins = registries.Select(one => ScannerAdapterSettings.OriginOf(new Uri(one)))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return address => address.UserInfo.Length == 0 && origins.Contains(ScannerAdapterSettings.OriginOf(address));
    }

    private static SourceAddress? AddressOf(string url)
    {
        try
        {
            var address = SourceAddress.Parse(url);
            return address is { Path: "", Tag: null } ? address : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>What the scan is to make: everything, unless the request says less.</summary>
    private static (IReadOnlyList<string> Kinds, AdapterError? Error) KindsOf(JsonElement root, bool isOld)
    {
        if (isOld) return ([ReportKinds.Vulnerabilities], null);
        if (ScannerJson.Find(root, "enabled_capabilities") is not { ValueKind: not JsonValueKind.Null } list)
            return (ReportKinds.All, null);
        if (list.ValueKind != JsonValueKind.Array) throw Misfit("enabled_capabilities", "a list");
        if (list.GetArrayLength() == 0) return (ReportKinds.All, null);
        if (list.GetArrayLength() > MaxCapabilities)
            return ([], AdapterError.Invalid($"enabled_capabilities has more than {MaxCapabilities} entries"));
        var kinds = new List<string>();
        foreach (var one in list.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.Object) throw Misfit("enabled_capabilities", "a list of objects");
            var type = TextOf(one, "type");
            if (type is not ("" or ReportKinds.Vulnerabilities or ReportKinds.Sbom))
                return ([], AdapterError.Incapable($"enabled_capabilities: this scanner makes no {type}"));
            var produced = type == ReportKinds.Sbom ? [ReportKinds.SbomReport] : ReportKinds.VulnerabilityReports;
            var wanted = TextsOf(one, "produces_mime_types");
            if (wanted.Count > 0 && !wanted.Exists(name => produced.Any(known => ReportKinds.IsSame(known, name))))
            {
                return ([], AdapterError.Incapable(
                    $"produces_mime_types: this scanner makes {string.Join(" and ", produced)}"));
            }

            if (type != ReportKinds.Sbom)
            {
                kinds.Add(ReportKinds.Vulnerabilities);
                continue;
            }

            var formats = PartOf(one, "parameters") is { } parameters ? TextsOf(parameters, "sbom_media_types") : [];
            if (formats.Find(name => !ReportKinds.Sboms.Contains(name)) is not null)
            {
                return ([], AdapterError.Invalid(
                    $"sbom_media_types: this scanner makes {string.Join(" and ", ReportKinds.Sboms)}"));
            }

            kinds.AddRange(formats.Count > 0 ? formats : ReportKinds.Sboms);
        }

        return ([.. kinds.Distinct()], null);
    }

    private static (AuthenticationHeaderValue Header, SourceCredentials? Credentials)? AuthorizationOf(string header)
    {
        if (header.Split(' ') is not [var scheme, { Length: > 0 } secret] || secret.Any(c => c is <= ' ' or > '~'))
            return null;
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
            return (new AuthenticationHeaderValue("Bearer", secret), null);
        if (!scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)) return null;
        var bytes = new byte[secret.Length];
        if (!Convert.TryFromBase64String(secret, bytes, out var length)) return null;
        var text = Encoding.UTF8.GetString(bytes.AsSpan(0, length));
        return text.Split(':', 2) is [var user, var password]
            ? (new AuthenticationHeaderValue("Basic", secret), new SourceCredentials(user, password)) : null;
    }

    private static JsonElement? PartOf(JsonElement json, string name) => ScannerJson.Find(json, name) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.Object } part => part,
        _ => throw Misfit(name, "an object"),
    };

    /// <summary>A text; empty if there is none.</summary>
    private static string TextOf(JsonElement json, string name, int maxChars = MaxTextChars)
    {
        switch (ScannerJson.Find(json, name))
        {
            case null or { ValueKind: JsonValueKind.Null }:
                return "";
            case { ValueKind: JsonValueKind.String } value:
                var text = TextOf(value);
                return text.Length <= maxChars ? text : throw Misfit(name, $"a text of at most {maxChars} characters");
            default:
                throw Misfit(name, "a text");
        }
    }

    private static string TextOf(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new FormatException("the body has a text that is no Unicode");
        }
    }

    private static List<string> TextsOf(JsonElement json, string name)
    {
        if (ScannerJson.Find(json, name) is not { ValueKind: not JsonValueKind.Null } list) return [];
        return list.ValueKind == JsonValueKind.Array
            && list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(TextOf)] : throw Misfit(name, "a list of texts");
    }

    private static FormatException Misfit(string name, string what) => new($"{name} must be {what}");

    private static (ScanRequest?, AdapterError?) Invalid(string message) => (null, AdapterError.Invalid(message));
}
