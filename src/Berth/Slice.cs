using System.CommandLine;
using Berth.Settings;

namespace Berth;

/// <summary>
/// A part of Berth that stands on the registry and on which the registry does not stand: its services, jobs, pages and
/// commands in one place. <see cref="Slices"/> lists them; ARCHITECTURE.md shows how to add one.
/// </summary>
internal abstract class Slice
{
    /// <summary>Adds its services; its jobs are among them, as <see cref="Jobs.Job"/>.</summary>
    public virtual void AddServices(IServiceCollection services, RegistrySettings settings)
    {
    }

    /// <summary>What it answers besides <c>/v2/</c>, by endpoint routing.</summary>
    public virtual void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
    }

    /// <summary>What the command line can do by it.</summary>
    public virtual IEnumerable<Command> Commands => [];
}
