namespace Berth.Settings;

/// <summary>Where a value was written: a file with a line, or an environment variable.</summary>
internal readonly record struct Origin(string Source, int? Line);

/// <summary>A value as it was written, before it has a type.</summary>
internal abstract class SettingsNode(Origin origin)
{
    public Origin Origin { get; } = origin;

    /// <summary>What to call it in a message.</summary>
    public abstract string Kind { get; }

    /// <summary>A key without a value: treated as absent.</summary>
    public virtual bool IsEmpty => false;
}

internal sealed class ScalarNode(Origin origin, string text, bool isNull = false) : SettingsNode(origin)
{
    public string Text { get; } = isNull ? "" : text;

    public override string Kind => "a single value";

    public override bool IsEmpty => Text.Length == 0;
}

internal sealed class SequenceNode(Origin origin) : SettingsNode(origin)
{
    public List<SettingsNode> Items { get; } = [];

    public override string Kind => "a list";
}

internal sealed class MappingNode(Origin origin) : SettingsNode(origin)
{
    public OrderedDictionary<string, SettingsNode> Entries { get; } = new(StringComparer.OrdinalIgnoreCase);

    public override string Kind => "a section";

    /// <summary>Whether it exists only because a variable's name leads through it.</summary>
    public bool IsOfVariable { get; init; }
}
