using System.CommandLine;
using Berth;
using Berth.Cli;

TerminalMode.Keep();
var root = new RootCommand(
    """
    Berth, a self-hosted container registry.

    Examples:
      berth serve                             on 127.0.0.1:5000, data in ./data
      berth serve --config config.yml         with settings from a file
      REGISTRY_HTTP_ADDR=:8080 berth serve    with a setting from the environment
      berth config check --config config.yml  says what is wrong with settings
      berth verify                            finds what is altered or missing
      berth jobs list --failed                which background jobs failed
      berth user add ann --admin              makes an administrator
      berth user password admin               lets a locked-out one in again
      berth org add acme --owner ann          a namespace that several users share
      berth grant add acme/dev 'acme/**' --role writer
                                              lets a team push there
      berth access explain ann acme/app       what somebody may do, and why
      berth migrate --check                   what an upgrade would change
      berth copy-metadata --from data/berth.db --to postgres://db/berth
                                              copies all but the blobs
    """)
{
    ServeCommand.Create(),
    ConfigCommand.Create(),
    MigrateCommand.Create(),
};
foreach (var command in Slices.All.SelectMany(slice => slice.Commands)) root.Add(command);

var parsed = root.Parse(args);
if (UsageError.Report(parsed)) return UsageError.ExitCode;

// The host handles signals: it drains requests for http.draintimeout, not for the 2 seconds of this library.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
