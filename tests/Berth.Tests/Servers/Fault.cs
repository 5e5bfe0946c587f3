namespace Berth.Tests.Servers;

/// <summary>What a <see cref="FaultProxy"/> does to one request or, without HTTP, one connection.</summary>
internal abstract record Fault
{
    private Fault()
    {
    }

    /// <summary>The proxy answers itself, with S3's error body. The server hears nothing. For HTTP only.</summary>
    public sealed record Answer(int Status) : Fault;

    /// <summary>The server hears nothing, and the client's connection is reset.</summary>
    public sealed record Drop : Fault;

    /// <summary>The server carries the request out, but its answer is lost: the connection is reset.</summary>
    public sealed record DropAnswer : Fault;

    /// <summary>The connection is reset after so many bytes of the answer's body, or of all answers.</summary>
    public sealed record Truncate(long Bytes) : Fault;

    /// <summary>The server hears of it later.</summary>
    public sealed record Wait(TimeSpan Time) : Fault;
}

/// <summary>A fault that a proxy brings about again and again until it is used up or disposed of.</summary>
internal sealed class FaultSeries : IDisposable
{
    private readonly Fault fault;
    private readonly int every;
    private readonly Func<string, bool> concerns;
    private readonly Lock counting = new();
    private int left;
    private int seen;

    public FaultSeries(Fault fault, int count, int every, Func<string, bool> concerns)
    {
        this.fault = fault;
        this.every = every;
        this.concerns = concerns;
        left = count;
    }

    /// <summary>How often it has struck.</summary>
    public int Hits { get; private set; }

    /// <param name="requestLine">Method, target and version; empty for a connection.</param>
    /// <returns>The fault, or null when this one goes through.</returns>
    public Fault? Strike(string requestLine)
    {
        lock (counting)
        {
            if (left == 0 || !concerns(requestLine) || ++seen % every != 0) return null;
            left--;
            Hits++;
            return fault;
        }
    }

    /// <summary>No more of it.</summary>
    public void Dispose()
    {
        lock (counting) left = 0;
    }
}
