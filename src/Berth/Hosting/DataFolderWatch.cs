using Berth.Registry;

namespace Berth.Hosting;

/// <summary>
/// Looks every two seconds whether the data folder is still there and still this Berth's alone, and closes the gate for
/// pushes where it is not: what they write would be lost, or would cross with another Berth's.
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Pushes are taken again")]
    private partial void LogOpen();
}
