namespace Berth.Settings;

/// <summary>How much of the history of each tag is kept: a move goes that is neither recent nor young.</summary>
public sealed record TagHistorySettings
{
    /// <summary>How many of a tag's moves stay, however old they are: the last ones.</summary>
    public int Moves { get; init; } = 100;

    /// <summary>How long the moves before those stay.</summary>
    public TimeSpan Age { get; init; } = TimeSpan.FromDays(365);

    internal static SettingsTable<TagHistorySettings> Keys { get; } = new SettingsTable<TagHistorySettings>()
        .Number("moves", s => s.Moves, (s, v) => s with { Moves = v }, 1, 1_000_000)
        .Duration("age", s => s.Age, (s, v) => s with { Age = v }, TimeSpan.Zero, TimeSpan.FromDays(36_500));
}
