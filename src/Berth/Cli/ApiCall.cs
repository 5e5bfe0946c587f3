using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary>One run of a command that speaks the API: what was given to it, whom it asks, and how it answers.</summary>
/// <param name="Parsed">The command line.</param>
/// <param name="Api">The API.</param>
/// <param name="IsJson">Whether the API's JSON is printed.</param>
/// <param name="Cancellation">Gives up.</param>
internal sealed record ApiCall(ParseResult Parsed, ApiConnection Api, bool IsJson, CancellationToken Cancellation)
{
    private const string TimeFormat = "yyyy-MM-dd HH:mm 'UTC'";

    /// <summary>The file of settings that was named; null: none was.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>What to say where images are not scanned. A command on the database may have read other settings than
    /// the server beside it.</summary>
    public string NotScanned => Api.Settings is not { } settings
        ? "the registry does not scan images: set vulnerabilities.sources, for example to osv"
        : $"these settings ({ConfigFile ?? "default"}; --config FILE or --server URL for "
            + (settings.Vulnerabilities.Sources.Count == 0
                ? "others) have no vulnerabilities.sources: set it, for example to osv"
                : "others) have contents.index: never, so that no image is looked into");

    /// <summary>What was given for an argument, ready for a path.</summary>
    public string PathOf(Argument<string> argument) => Uri.EscapeDataString(Parsed.GetValue(argument)!);

    /// <summary>Asks, and prints the answer as JSON, or says something to people.</summary>
    public async Task DoAsync(string method, string path, JsonObject? body, Func<JsonElement, string> say)
    {
        var answer = await Api.AskAsync(method, path, body, Cancellation);
        Console.WriteLine(IsJson ? answer.GetRawText() : say(answer));
    }

    /// <summary>Prints a whole list, as JSON or as a table.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="columns">Headings, and what is below them.</param>
    public async Task ListAsync(
        string path, params IReadOnlyList<(string Heading, Func<JsonElement, string> Cell)> columns) =>
        Print(await Api.ListAsync(path, Cancellation), columns);

    /// <summary>The same, with a sentence for people if there is nothing in it.</summary>
    public async Task ListAsync(
        string path, string ifEmpty, params IReadOnlyList<(string Heading, Func<JsonElement, string> Cell)> columns)
    {
        var rows = await Api.ListAsync(path, Cancellation);
        if (rows.Count == 0 && !IsJson) Console.WriteLine(ifEmpty);
        else Print(rows, columns);
    }

    /// <summary>Prints one thing, a line for each field that it has.</summary>
    public async Task ShowAsync(
        string path, params IReadOnlyList<(string Heading, Func<JsonElement, string> Cell)> fields)
    {
        var answer = await Api.AskAsync("GET", path, body: null, Cancellation);
        if (IsJson)
        {
            Console.WriteLine(answer.GetRawText());
            return;
        }

        var width = fields.Max(field => field.Heading.Length);
        foreach (var (heading, cell) in fields)
        {
            if (cell(answer) is { Length: > 0 } text) Console.WriteLine($"{heading.PadRight(width)}  {text}");
        }
    }

    private void Print(
        List<JsonElement> rows, IReadOnlyList<(string Heading, Func<JsonElement, string> Cell)> columns)
    {
        if (IsJson)
        {
            Console.WriteLine($"{{\"items\":[{string.Join(',', rows.Select(row => row.GetRawText()))}]}}");
            return;
        }

        Table.Print(
            [.. columns.Select(column => column.Heading)],
            [.. rows.Select(row => columns.Select(column => column.Cell(row)).ToArray())]);
    }

    /// <summary>What a field has, for people.</summary>
    public static Func<JsonElement, string> Field(string name) => json =>
        !json.TryGetProperty(name, out var value) ? "" : value.ValueKind switch
        {
            JsonValueKind.True => "yes",
            JsonValueKind.False => "no",
            JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(item => item.ToString())),
            _ => value.ToString(),
        };

    /// <summary>A time, in UTC.</summary>
    public static Func<JsonElement, string> Time(string name, string missing = "") => json =>
        json.TryGetProperty(name, out var value) ? Write(value.GetDateTimeOffset()) : missing;

    /// <summary>A time as all commands write it.</summary>
    public static string Write(DateTimeOffset time) =>
        time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>Several texts with commas between; null if none were given.</summary>
    public static JsonArray? ArrayOf(string? texts) => texts is null
        ? null
        : new JsonArray([.. texts.Split(',', StringSplitOptions.TrimEntries).Select(text => (JsonNode?)text)]);

    /// <summary>More days would not fit into a date.</summary>
    private const int MaxOfDuration = 1_000_000;

    /// <summary>A time from now, as in <c>90d</c>, <c>12h</c> or <c>30m</c>.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static TimeSpan DurationOf(string text) => DurationOf(text, mayBeDate: false);

    /// <summary>The same where a date would do, too.</summary>
    public static TimeSpan DurationOf(string text, bool mayBeDate)
    {
        var isNumber = int.TryParse(
            text.AsSpan(0, Math.Max(0, text.Length - 1)), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            && n <= MaxOfDuration;
        return (isNumber ? text[^1] : ' ') switch
        {
            'd' => TimeSpan.FromDays(n),
            'h' => TimeSpan.FromHours(n),
            'm' => TimeSpan.FromMinutes(n),
            's' => TimeSpan.FromSeconds(n),
            _ => throw new InvalidDataException(
                $"'{text}' is not a duration: write 90d, 12h, 30m or 10s"
                + (mayBeDate ? ", or a date: 2099-12-31" : "")),
        };
    }

    /// <summary>When something expires: a duration from now, or a date; null if none was given.</summary>
    /// <exception cref="InvalidDataException">It is neither, or in the past.</exception>
    public static JsonNode? ExpiryOf(string? text)
    {
        if (text is null) return null;
        var isDate = DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date);
        var at = isDate && text.Contains('-')
            ? date
            : TimeProvider.System.GetUtcNow() + DurationOf(text, mayBeDate: true);
        if (at <= TimeProvider.System.GetUtcNow())
            throw new InvalidDataException($"'{text}' is in the past: write a later date, or a duration such as 90d");
        return at.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
    }

    /// <summary>The same where a date is the last day, as on the pages.</summary>
    /// <exception cref="InvalidDataException">It is neither, or in the past.</exception>
    public static JsonNode? LastDayOf(string text) => ExpiryOf(
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
        && day < DateOnly.MaxValue ? $"{day.AddDays(1):yyyy-MM-dd}" : text);

    /// <summary>The same for a change, in which <c>never</c> takes an end away.</summary>
    /// <exception cref="InvalidDataException">It is none of these, or in the past.</exception>
    public static JsonNode? NewExpiryOf(string text) => text == "never" ? null : ExpiryOf(text);
}
