using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Search;

/// <summary>Finding repositories by what is known of them.</summary>
internal sealed class SearchSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings) =>
        services.AddSingleton<SearchMending>().AddSingleton<Job, RebuildSearchJob>().AddSingleton<Job, MendSearchJob>();

    public override IEnumerable<Command> Commands => [SearchCommand.Create()];
}
