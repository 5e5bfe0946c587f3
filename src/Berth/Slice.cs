using System.CommandLine;
using Berth.Settings;

namespace Berth;

/// <summary>
/// A part of Berth with all that it adds, in one place: services, jobs, pages and commands. <see cref="Slices"/> lists
/// them; ARCHITECTURE.md shows how to add one.
/// </summary>
internal abstract class Slice
{
    /// <summary>Adds its services; its jobs are among them, as <see cref="Jobs.Job"/>.</summary>
    public virtual void AddServices(IServiceCollection services, RegistrySettings settings)
    {
    }

    /// <summary>
    /// Adds its hosted services that write. Not called where the data folder is read-only.
    /// </summary>
    public virtual void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
    }

    /// <summary>Adds its routes outside <c>/v2/</c>.</summary>
    public virtual void Map(IEndpointRouteBuilder routes, RegistrySettings settings)
    {
    }

    /// <summary>Its commands on the command line.</summary>
    public virtual IEnumerable<Command> Commands => [];
}
