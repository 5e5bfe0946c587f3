using Berth.Logging;
using Berth.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Hosting;

/// <summary>
/// The log line of a request that the server itself refuses, because it is not valid HTTP or exceeds a limit: no
/// handler ever sees it. Kestrel only reports it to one logger, at debug level, with just the connection's id.
/// </summary>
internal sealed class RefusalLog(LogSink sink, OpenConnections connections) : ILoggerProvider, ILogger
{
    public const string Category = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    private const string Refused = "ConnectionBadRequest";

    public ILogger CreateLogger(string categoryName) => categoryName == Category ? this : NullLogger.Instance;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (eventId.Name != Refused || exception is not BadHttpRequestException refusal) return;
        var id = (state as IReadOnlyList<KeyValuePair<string, object?>>)?
            .FirstOrDefault(p => p.Key == "ConnectionId").Value as string;
        var line = LogLine.Start(sink.Format, LogLevel.Information);
        line.Message("A request was refused before it could be read");
        line.Field("status"u8, refusal.StatusCode);
        line.Field("reason"u8, refusal.Message);
        if (id is not null)
        {
            line.Field("client"u8, connections.FindClient(id));
            line.Field("connection"u8, id);
        }

        sink.Write(line.End(sink.Format));
    }
}
