using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Search;

/// <summary>Mends the words of repositories that were shown, hidden, deleted, restored, moved or filled.</summary>
internal sealed class MendSearchJob(SearchMending mending) : Job
{
    public override string Kind => SearchPendingTable.JobKind;

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        mending.MendPendingAsync(cancellation);
}
