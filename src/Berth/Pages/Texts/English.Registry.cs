using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of settings about the registry.</summary>
internal partial class English
{
    // Tables
    public virtual string State => "State";
    public virtual string Ended => "Ended";
    public virtual string Began => "Began";
    public virtual string LastEnded => "Last ended";
    public virtual string LastError => "Error";
    public virtual string Node => "Node";
    public virtual string Kind => "Kind";
    public virtual string Why => "Why";
    public virtual string Reload => "Reload";
    public virtual string Working => "This is being worked on.";
    public virtual string Everywhere => "everywhere";

    public virtual string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString("0.0", Numbers)} s";

    public virtual string Blobs(long count) => count == 1 ? "1 blob" : $"{Whole(count)} blobs";

    public virtual string Entries(long count) => count == 1 ? "1 entry" : $"{Whole(count)} entries";

    // Health and jobs
    public virtual string Health => "Health";
    public virtual string NodesText => "Nodes that run background jobs, or have lately";
    public virtual string LastRun => "Last job ended";
    public virtual string RunningNow => "Running now";
    public virtual string Jobs => "Background jobs";
    public virtual string AllJobs => "All";
    public virtual string FailedJobs => "Failed";
    public virtual string NoJobsWait => "No such job waits or runs.";
    public virtual string NoRuns => "No such job has ended yet.";
    public virtual string JobsWaiting => "Waiting and running";
    public virtual string JobRuns => "Ended, the latest first";
    public virtual string Job => "Job";
    public virtual string Due => "Due";
    public virtual string Failures => "Failures";
    public virtual string Outcome => "Outcome";
    public virtual string Took => "Took";

    /// <summary>In the footer of staff.</summary>
    public virtual string HealthWord(string state) => state switch
    {
        "ok" => "Healthy",
        "warning" => "Needs attention",
        _ => "Not working",
    };

    public virtual string HealthIs(string state) => state switch
    {
        "ok" => "All is well.",
        "warning" => "Pulls and pushes work, but something needs attention.",
        _ => "The registry can't do all of its work.",
    };

    public virtual string CheckOf(string name) => name switch
    {
        "pull" => "Pulls",
        "push" => "Pushes",
        "service" => "Journal, notices between nodes, and backups that are set up",
        "jobs" => "Background jobs",
        _ => "Stored blobs",
    };

    public virtual string CheckState(string state) => state switch
    {
        "ok" => "OK",
        "warning" => "Needs attention",
        _ => "Not working",
    };

    public virtual string CheckAdvice(string name) => name switch
    {
        "pull" or "push" => "Look at the database, the disk and the store of this node; the log has the first error.",
        "service" => "The log says since when. docs/backup.md and docs/rebuilding.md have what to do.",
        "jobs" => "Background jobs, failed, has each error. They are tried again by themselves.",
        _ => "Scrub has the digests. Push the images again, or restore the blobs from a backup: see docs/backup.md.",
    };

    public virtual string OutcomeOf(string outcome) => outcome switch
    {
        "done" => "Done",
        "failed" => "Failed, tried again",
        _ => "Given up",
    };

    // Uploads and storage
    public virtual string Uploads => "Uploads";
    public virtual string NoUploads => "Nothing is being uploaded.";
    public virtual string UploadsText => "Uploads that have not ended, the last used first";
    public virtual string StartedBy => "Begun by";
    public virtual string UploadId => "Id";
    public virtual string KeptInAll => "Kept by namespaces, with their trash";
    public virtual string InTrash => "Only in the trash";
    public virtual string GarbageWaits => "Waits to be removed";
    public virtual string NothingStored => "Nothing is stored yet.";
    public virtual string LargestNamespaces => "Largest namespaces, each blob once";
    public virtual string LargestRepositories => "Largest repositories, each blob once";

    // Scrub, imports, backups
    public virtual string Scrub => "Scrub";
    public virtual string ScrubText => "All blobs are read again in the background, and compared with their digests.";
    public virtual string ReadAgain => "Read in this pass";
    public virtual string NoFaults => "No blob was found damaged or missing.";
    public virtual string FaultsText => "Blobs that were found damaged or missing";
    public virtual string Fault => "Fault";
    public virtual string FoundAt => "Found";
    public virtual string Healed => "Healed";
    public virtual string HealedFrom => "From";
    public virtual string Imports => "Imports";
    public virtual string ImportsText => "Other registries move in by a command on the registry's own machine:";
    public virtual string NoImports => "Nothing was imported yet.";
    public virtual string Source => "Source";
    public virtual string Asked => "Asked for";
    public virtual string Notes => "Notes";
    public virtual string NoNotes => "All of it was taken.";
    public virtual string NotesText => "What could not be taken, or was left as it is";
    public virtual string About => "About";
    public virtual string Note => "Note";
    public virtual string Backups => "Backups";
    public virtual string BackUpNow => "Make a backup now";
    public virtual string VerifyBackups => "Read all backups again";
    public virtual string NoBackups => "There is no backup yet.";
    public virtual string NoBackupYet => "There is no backup of this registry yet.";
    public virtual string NoBackupPlace => "No backups are set up: if this machine is lost, so is the registry.";
    public virtual string SetBackupPlace =>
        "Name a folder on another disk, or a bucket, in the configuration, and restart. Berth then makes backups by "
        + "itself, and here at any time.";

    public virtual string BackupsText => "Backups, the latest first";
    public virtual string Backup => "Backup";
    public virtual string Place => "Place";
    public virtual string NewBytes => "New in it";
    public virtual string Checked => "Checked";

    public virtual string ImportOf(string source) => $"Import of {source}";

    public virtual string VerificationText(int percent, long blobs, long damaged) =>
        $"Backups are read again: {percent} %, {Blobs(blobs)}"
        + (damaged > 0 ? $", {Whole(damaged)} damaged." : ", none damaged.");
}
