using Berth.Settings;

namespace Berth.Logging;

/// <summary>The format of lines: <c>log.formatter</c>, and the <c>log.fields</c> at the end of every line.</summary>
internal sealed class LogFormat
{
    private readonly TimeProvider clock;

    public LogFormat(LogSettings settings, TimeProvider clock)
    {
        this.clock = clock;
        IsJson = settings.Formatter == LogFormatter.Json;
        var line = LogLine.Start(IsJson);
        foreach (var (name, value) in settings.Fields) line.NamedByUser(name, value);
        Fields = line.Written.ToArray();
    }

    public bool IsJson { get; }

    public DateTimeOffset Now => clock.GetUtcNow();

    /// <summary>The fields at the end of every line, in UTF-8.</summary>
    public byte[] Fields { get; }
}
