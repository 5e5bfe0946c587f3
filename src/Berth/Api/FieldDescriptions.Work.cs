namespace Berth.Api;

/// <content>What the registry is busy with.</content>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfWork = new(StringComparer.Ordinal)
    {
        ["HealthCheckView.name"] = "pull, push, service, jobs or blobs.",
        ["HealthCheckView.problem"] = "What is wrong; absent: nothing.",
        ["HealthCheckView.state"] = "ok, warning or unavailable.",
        ["HealthView.checks"] = "What was looked at.",
        ["HealthView.state"] = "The worst of the checks: ok, warning or unavailable.",
        ["JobRunView.attempt"] = "Which attempt it was.",
        ["JobRunView.endedAt"] = "When it ended.",
        ["JobRunView.error"] = "Why it failed; absent: it did not.",
        ["JobRunView.id"] = "Its number: later ones have higher ones.",
        ["JobRunView.kind"] = "What was to be done.",
        ["JobRunView.node"] = "The node that ran it.",
        ["JobRunView.outcome"] = "done, failed: tried again, or dead: given up.",
        ["JobRunView.startedAt"] = "When it began.",
        ["JobView.dueAt"] = "When it is due; of a running job, when its lease expires.",
        ["JobView.error"] = "Why it last failed; absent: it did not.",
        ["JobView.failures"] = "How often it failed since it last succeeded.",
        ["JobView.id"] = "Its number.",
        ["JobView.kind"] = "What is to be done.",
        ["JobView.node"] = "The node that runs it; absent: it waits.",
        ["JobView.state"] = "waiting or running.",
        ["NodeView.lastRunAt"] = "When it last ended a job; absent: not among the last 2,000 runs.",
        ["NodeView.name"] = "The node.",
        ["NodeView.runningJobs"] = "How many jobs it runs.",
        ["KeptBytes.bytes"] = "What it keeps, in bytes. Each blob counts once.",
        ["KeptBytes.name"] = "The namespace or the repository.",
        ["StorageView.bytes"] = "What all namespaces keep, in bytes; a blob that several have counts for each.",
        ["StorageView.namespaces"] = "The namespaces that keep most, n at most.",
        ["StorageView.repositories"] = "The repositories that keep most, n at most.",
        ["StorageView.trashBytes"] = "What only the trash needs, in bytes, as far as the collector has found.",
        ["StorageView.trashEntries"] = "The entries of the trash.",
        ["StorageView.waitingBlobs"] = "Blobs that nothing needs, and that wait to be removed.",
        ["StorageView.waitingBytes"] = "The length of those, in bytes.",
        ["UploadView.activeAt"] = "When it was last used, as far as that was recorded.",
        ["UploadView.id"] = "Its id.",
        ["UploadView.repository"] = "The repository.",
        ["UploadView.startedBy"] = "Who began it.",
        ["?failed"] = "true: only what failed.",
    };
}
