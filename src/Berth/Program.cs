using System.CommandLine;
using Berth;
using Berth.Cli;

var root = new RootCommand(
    """
    Berth, a self-hosted container registry.

    Examples:
      berth serve                                  on 127.0.0.1:5000, with data in ./data
      berth serve --config /etc/berth/config.yml   with settings from a file
      REGISTRY_HTTP_ADDR=127.0.0.1:8080 berth serve
      berth config check --config config.yml       says what is wrong with the settings
      berth verify                                 reads everything stored and reports what is altered
      berth jobs list --failed                     shows which background jobs failed, and why
      berth user add ann --admin                   makes an administrator, and the database if there is none
      berth user password admin                    gets a locked-out administrator in again
      berth org add acme --owner ann               a namespace that several users share
      berth grant add acme/dev 'acme/**' --role writer   lets a team push there
      berth access explain ann acme/app            shows what somebody may do, and why
      berth migrate --check                        shows what an upgrade would do to the database
      berth copy-metadata --from data/berth.db --to postgres://berth@db.example.com/berth
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
