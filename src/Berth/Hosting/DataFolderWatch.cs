using Berth.Registry;

namespace Berth.Hosting;

/// <summary>
/// Checks every two seconds that the data folder still exists and is exclusively this Berth's. If not, pushes are
/// refused: what they write would be lost, or would conflict with another Berth's writes.
/// </summary>
internal sealed partial class DataFolderWatch(
    DataFolder folder, PushGate gate, TimeProvider clock, ILogger<DataFolderWatch> log)
    : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Look();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken)) Look();
    }

    private void Look()
    {
        var reason = folder.FindLoss();
        if (reason == gate.Reason) return;
        gate.Reason = reason;
        if (reason is null) LogOpen();
        else LogClosed(reason);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Pushes are refused: {Reason}")]
    private partial void LogClosed(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Pushes are accepted again")]
    private partial void LogOpen();
}
