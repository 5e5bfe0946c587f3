using System.Collections.Concurrent;
using Berth.Identity;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Identity;

/// <summary>Keeps what a directory logs.</summary>
internal sealed class DirectoryLog : ILogger<LdapDirectory>
{
    private readonly ConcurrentQueue<string> lines = new();

    public IReadOnlyList<string> Lines => [.. lines];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter) => lines.Enqueue($"{logLevel}: {formatter(state, exception)}");
}
