using System.Collections.Concurrent;

namespace Berth.Logging;

/// <summary>Writes the messages of one category to the sink.</summary>
internal sealed class LineLogger(string category, LogSink sink) : ILogger
{
    /// <summary>The host's message for a failed start, which the command reports in one line.</summary>
    private const string StartFailed = "HostedServiceStartupFaulted";

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel) || eventId.Name == StartFailed) return;
        var message = formatter(state, exception);
        var line = LogLine.Start(sink.Format, logLevel);
        line.Message(message);
        if (sink.Format.IsJson) line.Field("logger"u8, category);
        sink.Write(line.End(sink.Format, exception));
    }
}

/// <summary>Makes the loggers of all categories.</summary>
internal sealed class LineLoggers(LogSink sink) : ILoggerProvider
{
    private readonly ConcurrentDictionary<string, LineLogger> loggers = new(StringComparer.Ordinal);

    public ILogger CreateLogger(string categoryName) =>
        loggers.GetOrAdd(categoryName, static (name, sink) => new LineLogger(name, sink), sink);

    /// <summary>The sink outlives the loggers, since others write to it too.</summary>
    public void Dispose()
    {
    }
}
