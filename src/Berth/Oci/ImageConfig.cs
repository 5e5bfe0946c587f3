using System.Globalization;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>A step by which an image was built (image-spec, config.md, "history").</summary>
/// <param name="Instruction">What was run, or the line of the Dockerfile.</param>
/// <param name="IsEmpty">Whether it made no layer.</param>
internal sealed record BuildStep(string Instruction, DateTimeOffset? CreatedAt, string? Comment, bool IsEmpty);

/// <summary>
/// What the config of an image says (image-spec, config.md, and Docker's, which has the same fields). People and tools
/// write all sorts of things there: what has the wrong type counts as missing.
/// </summary>
internal sealed record ImageConfig
{
    public string Os { get; private init; } = "";

    public string Architecture { get; private init; } = "";

    public string Variant { get; private init; } = "";

    public DateTimeOffset? CreatedAt { get; private init; }

    public string? Author { get; private init; }

    public string? User { get; private init; }

    public string? WorkingDirectory { get; private init; }

    public string? StopSignal { get; private init; }

    /// <summary>The command that tells whether a container works; null if none does.</summary>
    public string? HealthCheck { get; private init; }

    public IReadOnlyList<string> Environment { get; private init; } = [];

    public IReadOnlyList<string> EntryPoint { get; private init; } = [];

    public IReadOnlyList<string> Command { get; private init; } = [];

    public IReadOnlyList<string> Ports { get; private init; } = [];

    public IReadOnlyList<string> Volumes { get; private init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; private init; } = new Dictionary<string, string>();

    public IReadOnlyList<BuildStep> History { get; private init; } = [];

    /// <summary>Such as <c>linux/arm/v7</c>; empty if it is for none, as attestations are.</summary>
    public string Platform => Platforms.NameOf(Os, Architecture, Variant);

    /// <summary>Null if it is no JSON object.</summary>
    public static ImageConfig? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or text in it that is not valid Unicode.
            return null;
        }
    }

    private static ImageConfig Read(JsonElement root)
    {
        var run = Field(root, "config", JsonValueKind.Object);
        return new ImageConfig
        {
            Os = Text(root, "os") ?? "",
            Architecture = Text(root, "architecture") ?? "",
            Variant = Text(root, "variant") ?? "",
            CreatedAt = Time(root, "created"),
            Author = Text(root, "author"),
            User = Text(run, "User"),
            WorkingDirectory = Text(run, "WorkingDir"),
            StopSignal = Text(run, "StopSignal"),
            HealthCheck = Texts(Field(run, "Healthcheck", JsonValueKind.Object), "Test") is ["CMD" or "CMD-SHELL", ..]
                test ? string.Join(' ', test.Skip(1)) : null,
            Environment = Texts(run, "Env"),
            EntryPoint = Texts(run, "Entrypoint"),
            Command = Texts(run, "Cmd"),
            Ports = Names(run, "ExposedPorts"),
            Volumes = Names(run, "Volumes"),
            Labels = Map(run, "Labels"),
            History = [.. Items(root, "history").Where(one => one.ValueKind == JsonValueKind.Object).Select(one =>
                new BuildStep(
                    Text(one, "created_by") ?? "", Time(one, "created"), Text(one, "comment"),
                    Field(one, "empty_layer", JsonValueKind.True) is not null))],
        };
    }

    private static JsonElement? Field(JsonElement? parent, string name, JsonValueKind kind) =>
        parent is { ValueKind: JsonValueKind.Object } known && known.TryGetProperty(name, out var value)
            && value.ValueKind == kind ? value : null;

    private static string? Text(JsonElement? parent, string name) =>
        Field(parent, name, JsonValueKind.String)?.GetString() is { Length: > 0 } text ? text : null;

    /// <summary>Null for the year 1, too: that is how programs in Go write that they know no time.</summary>
    private static DateTimeOffset? Time(JsonElement? parent, string name) =>
        DateTimeOffset.TryParse(
            Text(parent, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && at.Year > 1 ? at : null;

    private static JsonElement[] Items(JsonElement? parent, string name) =>
        Field(parent, name, JsonValueKind.Array) is { } list ? [.. list.EnumerateArray()] : [];

    private static List<string> Texts(JsonElement? parent, string name) =>
        [.. Items(parent, name).Where(one => one.ValueKind == JsonValueKind.String).Select(one => one.GetString()!)];

    private static List<string> Names(JsonElement? parent, string name) =>
        Field(parent, name, JsonValueKind.Object) is { } map
            ? [.. map.EnumerateObject().Select(one => one.Name)] : [];

    private static Dictionary<string, string> Map(JsonElement? parent, string name)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Field(parent, name, JsonValueKind.Object) is not { } map) return found;
        foreach (var one in map.EnumerateObject())
        {
            if (one.Value.ValueKind == JsonValueKind.String) found[one.Name] = one.Value.GetString()!;
        }

        return found;
    }
}
