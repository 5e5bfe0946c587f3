using System.CommandLine;
using Berth.Cli;

namespace Berth.Lifecycle;

/// <summary>What is done to everything stored: verification, and copies of the metadata.</summary>
internal sealed class LifecycleSlice : Slice
{
    public override IEnumerable<Command> Commands => [VerifyCommand.Create(), CopyMetadataCommand.Create()];
}
