using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Berth.Settings;

/// <summary>
/// Reads YAML into nodes that remember their line. It reads the parser's events itself, because YamlDotNet's own
/// document model recurses as deep as its input is nested, and a stack overflow cannot be caught.
/// </summary>
internal sealed class SettingsYaml
{
    /// <summary>
    /// No setting is deeper than six levels; the rest leaves room for an error message instead of a crash.
    /// </summary>
    private const int MaximumDepth = 32;

    /// <summary>Aliases can multiply exponentially; this stops those that were made to.</summary>
    private const int MaximumNodes = 20_000;

    private readonly Parser _parser;
    private readonly string _source;
    private readonly bool _hasLines;
    private readonly List<SettingsFault> _faults;
    private readonly Dictionary<string, SettingsNode> _anchors = new(StringComparer.Ordinal);
    private int _nodes;

    private SettingsYaml(string text, string source, bool hasLines, List<SettingsFault> faults)
    {
        _parser = new Parser(new StringReader(text));
        _source = source;
        _hasLines = hasLines;
        _faults = faults;
    }

    /// <summary>The one document in a file; null, with a fault, if it is not YAML.</summary>
    public static SettingsNode? ReadFile(string text, string source, List<SettingsFault> faults)
    {
        try
        {
            return new SettingsYaml(text, source, hasLines: true, faults).Read();
        }
        catch (YamlException e)
        {
            faults.Add(TabFault(text, source)
                ?? new SettingsFault(source, LineOf(e.Start), "", "this is not YAML: " + e.Message));
            return null;
        }
    }

    /// <summary>The value of an environment variable; null if it is not YAML.</summary>
    public static SettingsNode? ReadVariable(string text, string name, List<SettingsFault> faults)
    {
        try
        {
            return new SettingsYaml(text, name, hasLines: false, faults).Read();
        }
        catch (YamlException)
        {
            return null;
        }
    }

    // YamlDotNet reports a tab on the line where its section begins.
    private static SettingsFault? TabFault(string text, string source)
    {
        var line = text.Split('\n').Index().FirstOrDefault(l => l.Item.TrimStart(' ').StartsWith('\t'));
        return line.Item is null
            ? null
            : new SettingsFault(source, line.Index + 1, "", "this is not YAML: indent with spaces, not with tabs");
    }

    private static int LineOf(Mark mark) => (int)Math.Clamp(mark.Line, 1, int.MaxValue);

    // On some malformed input YamlDotNet fails with an internal error instead of a YamlException.
    private SettingsNode Read()
    {
        try
        {
            return ReadDocument();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or OverflowException)
        {
            var mark = _parser.Current?.End ?? Mark.Empty;
            throw new YamlException(mark, mark, "something is out of place on this line or the next", e);
        }
    }

    private SettingsNode ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.Accept<StreamEnd>(out _)) return new ScalarNode(new Origin(_source, null), "", isNull: true);
        _parser.Consume<DocumentStart>();
        var root = ReadNode("", depth: 0, keyOrigin: null);
        _parser.Consume<DocumentEnd>();
        if (_parser.Accept<StreamEnd>(out var end)) return root;
        throw Failure(_parser.Current ?? end!, "there must be only one document");
    }

    /// <param name="key">The key whose value this is, or the list it is in.</param>
    /// <param name="depth">How deep this section is nested.</param>
    /// <param name="keyOrigin">Where its key is, which is the line users look for; null for list items.</param>
    private SettingsNode ReadNode(string key, int depth, Origin? keyOrigin)
    {
        var start = _parser.Consume<ParsingEvent>();
        if (depth > MaximumDepth) throw Failure(start, $"it is nested deeper than {MaximumDepth} levels");
        Count(start);
        var origin = keyOrigin ?? OriginOf(start);
        SettingsNode node = start switch
        {
            Scalar scalar => new ScalarNode(origin, scalar.Value, IsNull(scalar)),
            SequenceStart => ReadSequence(key, depth, origin),
            MappingStart => ReadMapping(key, depth, origin),
            AnchorAlias alias => Copy(Anchored(alias), origin, alias),
            _ => throw Failure(start, "a value is missing"),
        };
        if (start is NodeEvent { Anchor.IsEmpty: false } named) _anchors[named.Anchor.Value] = node;
        return node;
    }

    private SequenceNode ReadSequence(string key, int depth, Origin origin)
    {
        var sequence = new SequenceNode(origin);
        while (!_parser.TryConsume<SequenceEnd>(out _)) sequence.Items.Add(ReadNode(key, depth + 1, null));
        return sequence;
    }

    private MappingNode ReadMapping(string section, int depth, Origin origin)
    {
        var mapping = new MappingNode(origin);
        var merged = new List<MappingNode>();
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (!_parser.TryConsume<Scalar>(out var name)) throw Failure(_parser.Current!, "a key must be a name");
            if (name is { Value: "<<", Style: ScalarStyle.Plain })
            {
                merged.AddRange(ReadMerged(section, depth, name));
                continue;
            }

            var key = SettingsKey.Join(section, name.Value.ToLowerInvariant());
            var keyOrigin = OriginOf(name);
            var value = ReadNode(key, depth + 1, keyOrigin);
            if (mapping.Entries.TryAdd(name.Value, value)) continue;
            var first = mapping.Entries[name.Value].Origin.Line;
            var where = first is null ? "" : $"; it is first on line {first}";
            _faults.Add(new SettingsFault(_source, keyOrigin.Line, key, "this key is given twice" + where));
        }

        // Keys written here take precedence over merged ones, and earlier merges over later ones.
        foreach (var (name, value) in merged.SelectMany(section => section.Entries))
            mapping.Entries.TryAdd(name, value);
        return mapping;
    }

    /// <summary>The sections after <c>&lt;&lt;:</c>, YAML's merge key: one, or a list of them.</summary>
    private IEnumerable<MappingNode> ReadMerged(string section, int depth, Scalar name)
    {
        var node = ReadNode(section, depth + 1, keyOrigin: null);
        List<SettingsNode> nodes = node is SequenceNode list ? list.Items : [node];
        return nodes.TrueForAll(n => n is MappingNode)
            ? nodes.Cast<MappingNode>()
            : throw Failure(name, "after << there must be a section, or a list of sections");
    }

    private SettingsNode Anchored(AnchorAlias alias) => _anchors.TryGetValue(alias.Value.Value, out var node)
        ? node
        : throw Failure(alias, "an alias refers to an anchor that is not complete before it");

    // Each alias gets its own nodes: a variable that changes one place must not change the other.
    private SettingsNode Copy(SettingsNode node, Origin origin, ParsingEvent alias)
    {
        Count(alias);
        switch (node)
        {
            case ScalarNode scalar:
                return new ScalarNode(origin, scalar.Text);
            case SequenceNode sequence:
                var items = new SequenceNode(origin);
                items.Items.AddRange(sequence.Items.Select(item => Copy(item, item.Origin, alias)));
                return items;
            default:
                var mapping = new MappingNode(origin);
                foreach (var (name, value) in ((MappingNode)node).Entries)
                    mapping.Entries[name] = Copy(value, value.Origin, alias);
                return mapping;
        }
    }

    private void Count(ParsingEvent at)
    {
        if (++_nodes > MaximumNodes) throw Failure(at, $"it holds more than {MaximumNodes} values");
    }

    private Origin OriginOf(ParsingEvent at) => new(_source, _hasLines ? LineOf(at.Start) : null);

    private static bool IsNull(Scalar scalar) =>
        scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";

    private static YamlException Failure(ParsingEvent at, string message) => new(at.Start, at.End, message);
}
