using System.CommandLine;

namespace Berth.Cli;

/// <summary>The options of all commands that speak the API.</summary>
internal sealed class ApiOptions
{
    public Option<string?> Config { get; } = SettingsOption.Create();

    public Option<string?> Server { get; } = new("--server")
    {
        Description = "Ask the server at this address, not the database.",
    };

    public Option<string?> User { get; } = new("--user", "-u")
    {
        Description = "Who signs in there (BERTH_PASSWORD or BERTH_TOKEN).",
    };

    public TlsOptions Tls { get; } = new();

    public Option<bool> Json { get; } = new("--json") { Description = "Print what the API answers, as JSON." };

    public void AddTo(Command command)
    {
        foreach (var option in (IEnumerable<Option>)[Config, Server, User, .. Tls.All, Json]) command.Add(option);
    }
}
