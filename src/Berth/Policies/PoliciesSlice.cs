using System.CommandLine;
using Berth.Cli;

namespace Berth.Policies;

/// <summary>What images must be like to be pulled, pushed or promoted.</summary>
internal sealed class PoliciesSlice : Slice
{
    public override IEnumerable<Command> Commands => [PolicyCommand.Create(), WaiverCommand.Create()];
}
