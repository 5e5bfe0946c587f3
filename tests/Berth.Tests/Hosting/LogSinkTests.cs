using System.Text;
using Berth.Logging;
using Berth.Settings;

namespace Berth.Tests.Hosting;

[Once]
public sealed class LogSinkTests
{
    [Fact]
    public async Task A_blocked_output_never_holds_up_requests_and_lost_lines_are_counted()
    {
        using var output = new BlockedOutput();
        var line = Encoding.UTF8.GetBytes(new string('a', 1023) + "\n");
        var count = 3 * LogSink.MaxPendingBytes / line.Length;
        using (var sink = new LogSink(Format, output))
        {
            var writing = Task.Run(
                () =>
                {
                    for (var i = 0; i < count; i++) sink.Write(line);
                },
                TestContext.Current.CancellationToken);
            await writing.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
            output.Open();
        }

        var lines = Encoding.UTF8.GetString(output.ToArray()).TrimEnd().Split('\n');
        var kept = lines.Count(l => l.StartsWith('a'));
        Assert.InRange(kept * line.Length, LogSink.MaxPendingBytes / 2, 2 * LogSink.MaxPendingBytes + line.Length);
        var lost = Assert.Single(lines, l => l.Contains("lines were dropped", StringComparison.Ordinal));
        Assert.EndsWith($" dropped={count - kept}", lost, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_of_many_threads_stay_whole()
    {
        using var output = new BlockedOutput();
        output.Open();
        using (var sink = new LogSink(Format, output))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(() =>
            {
                var line = Encoding.UTF8.GetBytes(new string((char)('a' + n), 50 + n) + "\n");
                for (var i = 0; i < 1000; i++) sink.Write(line);
            })));
        }

        var lines = Encoding.UTF8.GetString(output.ToArray()).TrimEnd().Split('\n');
        Assert.Equal(8000, lines.Length);
        Assert.All(lines, l => Assert.Equal(new string(l[0], 50 + l[0] - 'a'), l));
    }

    private static LogFormat Format => new(new LogSettings(), TimeProvider.System);

    private sealed class BlockedOutput : MemoryStream
    {
        private readonly ManualResetEvent open = new(initialState: false);

        public void Open() => open.Set();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            open.WaitOne();
            base.Write(buffer);
        }
    }
}
