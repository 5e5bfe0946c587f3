using Berth.Metadata;

namespace Berth.Tests.Metadata;

/// <summary>What nodes that share jobs can rely on. Each node here has its own clock, set by hand.</summary>
public sealed class JobTableTests : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly string[] Kinds = ["scan", "purge"];

    private readonly TestDatabase shared = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => shared.DisposeAsync();

    [Fact]
    public async Task A_job_is_added_only_if_the_write_it_belongs_to_commits()
    {
        var node = await NodeAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => node.Database.WriteAsync<bool>(
            async session =>
            {
                await node.Table.AddAsync(session, "scan", "lost");
                throw new InvalidOperationException("this write fails");
            },
            isDurable: true, Stop));
        Assert.Null(await node.ClaimAsync());
        await node.AddAsync("scan", "kept");
        Assert.Equal("kept", (await node.ClaimAsync())!.Payload);
    }

    [Fact]
    public async Task Jobs_are_claimed_in_the_order_in_which_they_are_due_and_not_earlier()
    {
        var node = await NodeAsync();
        await node.AddAsync("scan", "third", TimeSpan.FromSeconds(3));
        await node.AddAsync("scan", "first", TimeSpan.FromSeconds(1));
        await node.AddAsync("purge", "second", TimeSpan.FromSeconds(2));
        await node.AddAsync("scan", "fourth", TimeSpan.FromSeconds(4));
        Assert.Null(await node.ClaimAsync());
        Assert.Equal(TimeSpan.FromSeconds(1), await node.Table.NextDueAsync(Kinds, Stop));
        node.Clock.Advance(TimeSpan.FromSeconds(3));
        foreach (var payload in new[] { "first", "second", "third" })
        {
            Assert.Equal(payload, (await node.ClaimAsync())!.Payload);
        }

        Assert.Null(await node.ClaimAsync());
    }

    [Fact]
    public async Task A_kind_of_job_that_a_node_does_not_know_is_left_to_others()
    {
        var (old, updated) = (await NodeAsync(), await NodeAsync());
        await updated.AddAsync("new-kind", "x");
        Assert.Null(await old.ClaimAsync());
        Assert.Null(await old.Table.NextDueAsync(Kinds, Stop));
        Assert.NotNull(await updated.Table.ClaimAsync(["new-kind"], "updated", Lease, Stop));
    }

    [Fact]
    public async Task A_claimed_job_is_not_available_to_others_until_its_lease_ends()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.AddAsync("scan", "x");
        var first = await one.ClaimAsync();
        other.Clock.Advance(Lease - TimeSpan.FromMilliseconds(1));
        Assert.Null(await other.ClaimAsync());
        other.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var second = await other.ClaimAsync();
        Assert.Equal((first!.Id, "x"), (second!.Id, second.Payload));
        Assert.True(second.Attempt > first.Attempt);
    }

    [Fact]
    public async Task A_renewed_lease_lasts_from_its_renewal()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.AddAsync("scan", "x");
        var job = await one.ClaimAsync();
        foreach (var clock in new[] { one.Clock, other.Clock }) clock.Advance(Lease * 0.9);
        Assert.True(await one.Table.RenewAsync(job!, Lease, Stop));
        other.Clock.Advance(Lease * 0.9);
        Assert.Null(await other.ClaimAsync());
        other.Clock.Advance(Lease * 0.1);
        Assert.NotNull(await other.ClaimAsync());
    }

    [Fact]
    public async Task A_node_that_lost_its_job_can_not_change_it_any_more()
    {
        var (slow, other) = (await NodeAsync(), await NodeAsync());
        await slow.AddAsync("scan", "x");
        var lost = (await slow.ClaimAsync())!;
        other.Clock.Advance(Lease);
        var job = (await other.ClaimAsync())!;
        Assert.False(await slow.Table.RenewAsync(lost, Lease, Stop));
        Assert.False(await slow.Table.CompleteAsync(lost, Stop));
        Assert.False(await slow.Table.RepeatAsync(lost, _ => TimeSpan.Zero, Stop));
        Assert.False(await slow.Table.FailAsync(lost, TimeSpan.Zero, "too late", Stop));
        Assert.False(await slow.Table.ReleaseAsync(lost, Stop));
        Assert.Null(await other.ClaimAsync());
        Assert.True(await other.Table.RenewAsync(job, Lease, Stop));
        Assert.True(await other.Table.CompleteAsync(job, Stop));
        Assert.Null(await other.Table.NextDueAsync(Kinds, Stop));
    }

    [Fact]
    public async Task A_released_job_can_be_claimed_at_once_and_not_renewed()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.AddAsync("scan", "x");
        var job = (await one.ClaimAsync())!;
        Assert.True(await one.Table.ReleaseAsync(job, Stop));
        Assert.False(await one.Table.RenewAsync(job, Lease, Stop));
        Assert.Equal(0, (await other.ClaimAsync())!.Failures);
    }

    [Fact]
    public async Task A_failed_job_backs_off_and_keeps_its_error()
    {
        var node = await NodeAsync();
        await node.AddAsync("scan", "x");
        var job = (await node.ClaimAsync())!;
        Assert.True(await node.Table.FailAsync(job, TimeSpan.FromSeconds(10), new string('e', 5000), Stop));
        Assert.False(await node.Table.RenewAsync(job, Lease, Stop));
        node.Clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Null(await node.ClaimAsync());
        node.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, (await node.ClaimAsync())!.Failures);
        Assert.Equal(
            new string('e', 1000),
            await node.Database.ReadAsync(s => s.TextAsync("SELECT last_error FROM job"), Stop));
    }

    [Fact]
    public async Task A_recurring_job_exists_once_however_many_nodes_start()
    {
        var nodes = new List<Node>();
        for (var i = 0; i < 5; i++) nodes.Add(await NodeAsync());
        var hour = TimeSpan.FromHours(1);
        await Task.WhenAll(nodes.Select(n => Task.Run(
            () => n.Table.EnsureAsync("purge", _ => TimeSpan.Zero, _ => hour, Stop))));
        var claims = await Task.WhenAll(nodes.Select(n => Task.Run(n.ClaimAsync)));
        var job = claims.Single(c => c is not null)!;
        await nodes[1].Table.EnsureAsync("purge", _ => TimeSpan.Zero, _ => hour, Stop);
        Assert.True(await nodes[0].Table.FailAsync(job, TimeSpan.Zero, "for once", Stop));
        job = (await nodes[0].ClaimAsync())!;
        Assert.True(await nodes[0].Table.RepeatAsync(job, _ => hour, Stop));
        Assert.Null(await nodes[0].ClaimAsync());
        nodes[0].Clock.Advance(hour);
        Assert.Equal(0, (await nodes[0].ClaimAsync())!.Failures);
    }

    [Fact]
    public async Task A_shorter_interval_counts_from_the_next_start_and_a_start_puts_nothing_off()
    {
        var node = await NodeAsync();
        await node.Table.EnsureAsync("purge", _ => TimeSpan.Zero, _ => TimeSpan.FromDays(1), Stop);
        Assert.True(await node.Table.RepeatAsync((await node.ClaimAsync())!, _ => TimeSpan.FromDays(1), Stop));
        await node.Table.EnsureAsync("purge", _ => TimeSpan.Zero, _ => TimeSpan.FromHours(1), Stop);
        Assert.Equal(TimeSpan.FromHours(1), await node.Table.NextDueAsync(Kinds, Stop));
        node.Clock.Advance(TimeSpan.FromMinutes(50));
        await node.Table.EnsureAsync("purge", _ => TimeSpan.Zero, _ => TimeSpan.FromHours(1), Stop);
        Assert.Equal(TimeSpan.FromMinutes(10), await node.Table.NextDueAsync(Kinds, Stop));
    }

    private async Task<Node> NodeAsync() => new(await shared.OpenAsync());

    private sealed class Node
    {
        public Node(Database database)
        {
            Database = database;
            Table = new JobTable(database, new JobClock(Clock, isOwn: true));
        }

        public Database Database { get; }

        public SteppingClock Clock { get; } = new();

        public JobTable Table { get; }

        public async Task AddAsync(string kind, string payload, TimeSpan fromNow = default) =>
            await Database.WriteAsync(
                async session =>
                {
                    await Table.AddAsync(session, kind, payload, fromNow);
                    return true;
                },
                isDurable: false);

        public Task<ClaimedJob?> ClaimAsync() => Table.ClaimAsync(Kinds, "node", Lease, Stop);
    }
}
