namespace Berth.Logging;

/// <summary>
/// Takes whole lines and writes them to the output on its own thread, many at a time. If the output blocks, lines are
/// dropped and counted: requests never wait for the log.
/// </summary>
internal sealed class LogSink : IDisposable
{
    /// <summary>The most that waits for the output: some 20,000 lines.</summary>
    public const int MaxPendingBytes = 4 * 1024 * 1024;

    private static readonly TimeSpan RestBetweenWrites = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(1);

    private readonly Lock filling = new();
    private readonly AutoResetEvent somethingToDo = new(initialState: false);

    /// <summary>Set once, and polled a hundred times a second: it must not spin.</summary>
    private readonly ManualResetEventSlim stopping = new(initialState: false, spinCount: 0);

    private readonly LogFormat format;
    private readonly Stream output;
    private readonly Thread writer;
    private byte[] pending = new byte[64 * 1024];
    private byte[] writing = new byte[64 * 1024];
    private int pendingBytes;
    private long dropped;

    /// <param name="format">How lines look.</param>
    /// <param name="output">Where they go; standard output if null.</param>
    public LogSink(LogFormat format, Stream? output)
    {
        (this.format, this.output) = (format, output ?? Console.OpenStandardOutput());
        writer = new Thread(WriteAll) { IsBackground = true, Name = "log" };
        writer.Start();
    }

    public LogFormat Format => format;

    /// <summary>Takes a line, with its line end.</summary>
    public void Write(ReadOnlySpan<byte> line)
    {
        bool wasEmpty;
        lock (filling)
        {
            if (pendingBytes + line.Length > MaxPendingBytes)
            {
                dropped++;
                return;
            }

            wasEmpty = pendingBytes == 0;
            if (pending.Length - pendingBytes < line.Length)
            {
                Array.Resize(ref pending, Math.Max(pending.Length * 2, pendingBytes + line.Length));
            }

            line.CopyTo(pending.AsSpan(pendingBytes));
            pendingBytes += line.Length;
        }

        if (wasEmpty) somethingToDo.Set();
    }

    /// <summary>Writes pending lines, for at most a second.</summary>
    public void Dispose()
    {
        stopping.Set();
        somethingToDo.Set();
        if (!writer.Join(LongestGoodbye)) return;
        somethingToDo.Dispose();
        stopping.Dispose();
    }

    private void WriteAll()
    {
        while (true)
        {
            somethingToDo.WaitOne();
            var isLast = stopping.IsSet;
            WritePending();
            if (isLast) return;
            stopping.Wait(RestBetweenWrites);
        }
    }

    private void WritePending()
    {
        int count;
        long lost;
        lock (filling)
        {
            (pending, writing) = (writing, pending);
            (count, pendingBytes) = (pendingBytes, 0);
            (lost, dropped) = (dropped, 0);
        }

        try
        {
            output.Write(writing.AsSpan(0, count));
            if (lost > 0) output.Write(DescribeLoss(lost));
            output.Flush();
        }
        catch (IOException)
        {
            // The output is gone, and there is nowhere to say so.
        }
    }

    private ReadOnlySpan<byte> DescribeLoss(long lost)
    {
        var line = LogLine.Start(format, LogLevel.Warning);
        line.Message("the log output was too slow: lines were dropped");
        line.Field("dropped"u8, lost);
        return line.End(format);
    }
}
