namespace Berth.Tests.Faults;

/// <summary>The fault tests measure time, memory and open files, so nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FaultTests
{
    public const string Name = "Faults";
}
