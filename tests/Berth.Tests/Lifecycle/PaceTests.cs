using Berth.Lifecycle;
using Microsoft.Extensions.Time.Testing;

namespace Berth.Tests.Lifecycle;

public sealed class PaceTests
{
    [Fact]
    public async Task It_rests_in_proportion_to_the_work_and_never_for_long()
    {
        var clock = new FakeTimeProvider();
        var pace = new Pace(0.01, clock);
        await Task.Delay(40, TestContext.Current.CancellationToken);
        var resting = pace.RestAsync(TestContext.Current.CancellationToken).AsTask();
        clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(resting.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(8.1));
        await resting;
        await Pace.Full.RestAsync(new CancellationToken(canceled: true));
    }
}
