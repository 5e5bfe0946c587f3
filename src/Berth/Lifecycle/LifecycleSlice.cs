using System.CommandLine;
using Berth.Cli;

namespace Berth.Lifecycle;

/// <summary>Operations on everything stored: verification, and copying the metadata.</summary>
internal sealed class LifecycleSlice : Slice
{
    public override IEnumerable<Command> Commands => [VerifyCommand.Create(), CopyMetadataCommand.Create()];
}
