using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary>What can be said of a rule on tags: the options of <c>berth rule add</c> and <c>change</c>.</summary>
internal sealed class TagRuleOptions
{
    /// <summary>Options that take a text, a number, a duration, or nothing, with the fields of the API.</summary>
    private readonly List<(Option Option, string Field, Func<ParseResult, JsonNode?> Read)> all = [];

    public TagRuleOptions()
    {
        AddList("--tags", "tags", "The tags that it is about: patterns with commas between, such as pr-*, or regular "
            + "expressions as /^v[0-9]+$/. Without it, all.");
        AddList("--except", "except", "Tags that it is not about: patterns with commas between.");
        AddSwitch("--immutable", "isImmutable", "These tags never move, and are never deleted.");
        AddSwitch("--keep-always", "keepsAlways", "All of them stay, whatever other rules say.");
        AddNumber(
            "--keep-last", "keepLastPushed", "How many images stay: those that were pushed or tagged last.");
        AddNumber(
            "--keep-last-pulled", "keepLastPulled", "How many images stay: those that were pulled last.");
        AddDuration(
            "--keep-for", "keepForSeconds",
            "How long an image stays after it was last pushed, tagged or pulled: 30d.");
        AddText("--keep-versions", "keepVersions", "Versions that stay, as npm writes ranges: '>=1.2 <2'.");
        AddText(
            "--group-by", "groupBy",
            "A regular expression: --keep-last counts for each text that its group matches.");
        AddDuration(
            "--untagged-after", "untaggedSeconds", "How long a manifest stays that no tag or index holds: 14d.");
        AddDuration(
            "--orphaned-after", "orphanedSeconds",
            "How long a signature, attestation or SBOM (sha256-….sig) stays after it was last pushed or pulled, if its "
            + "image is nowhere in the registry: 90d.");
    }

    public IEnumerable<Option> All => all.Select(one => one.Option);

    /// <summary>The rule as the API takes it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="names">The pattern of repositories.</param>
    /// <param name="before">The rule whose fields stay where no option is given; null: none.</param>
    /// <param name="without">Options whose fields go from that rule, with commas between; null: none.</param>
    /// <exception cref="InvalidDataException">An option can't be read.</exception>
    public JsonObject Read(ParseResult parsed, string names, JsonElement? before = null, string? without = null)
    {
        var dropped = (without ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(name => "--" + name.TrimStart('-')).ToHashSet(StringComparer.Ordinal);
        if (dropped.FirstOrDefault(name => all.TrueForAll(one => one.Option.Name != name)) is { } unknown)
        {
            throw new InvalidDataException(
                $"--without: a rule has no {unknown}; it has {string.Join(", ", All.Select(one => one.Name[2..]))}");
        }

        var rule = new JsonObject { ["names"] = names };
        foreach (var (option, field, read) in all)
        {
            var isGiven = parsed.GetResult(option) is { Implicit: false };
            if (isGiven && dropped.Contains(option.Name))
                throw new InvalidDataException($"{option.Name} and --without {option.Name[2..]} exclude each other");
            if (isGiven) rule[field] = read(parsed);
            else if (!dropped.Contains(option.Name) && before is { } old && old.TryGetProperty(field, out var value))
                rule[field] = JsonNode.Parse(value.GetRawText());
        }

        return rule;
    }

    private void AddText(string name, string field, string description)
    {
        var option = ApiCommand.Text(name, description);
        all.Add((option, field, parsed => parsed.GetValue(option)));
    }

    private void AddList(string name, string field, string description)
    {
        var option = ApiCommand.Text(name, description);
        all.Add((option, field, parsed => ApiCall.ArrayOf(parsed.GetValue(option))));
    }

    private void AddSwitch(string name, string field, string description)
    {
        var option = ApiCommand.Switch(name, description);
        all.Add((option, field, parsed => parsed.GetValue(option)));
    }

    private void AddNumber(string name, string field, string description)
    {
        var option = ApiCommand.Number(name, description);
        all.Add((option, field, parsed => parsed.GetValue(option)));
    }

    private void AddDuration(string name, string field, string description)
    {
        var option = ApiCommand.Text(name, description);
        all.Add((option, field, parsed => parsed.GetValue(option) is { } text
            ? ApiCall.DurationOf(text).TotalSeconds : null));
    }
}
