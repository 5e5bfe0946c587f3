using System.CommandLine;
using Berth.Cli;

namespace Berth.Backups;

/// <summary>Backups of metadata and blobs, and bringing them back.</summary>
internal sealed class BackupSlice : Slice
{
    public override IEnumerable<Command> Commands => [BackupCommand.Create(), RestoreCommand.Create()];
}
