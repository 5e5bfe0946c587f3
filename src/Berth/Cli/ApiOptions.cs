using System.CommandLine;

namespace Berth.Cli;

/// <summary>The options of all commands that speak the API.</summary>
internal sealed class ApiOptions
{
    public Option<string?> Config { get; } = SettingsOption.Create();

    public Option<string?> Server { get; } = new("--server")
    {
        Description = "The registry's address, such as https://registry.example.com. Without it, the command works on "
            + "the database of the settings.",
    };

    public Option<string?> User { get; } = new("--user", "-u")
    {
        Description = "Who signs in to the server, with the password in BERTH_PASSWORD or in the first line of the "
            + "standard input. With a token in BERTH_TOKEN, or one that `berth login` got, nobody need be named.",
    };

    public Option<string?> Authority { get; } = CreateAuthority();

    public Option<bool> Json { get; } = new("--json") { Description = "Print what the API answers, as JSON." };

    /// <summary>The option that names whose certificates are trusted.</summary>
    public static Option<string?> CreateAuthority() => new("--ca")
    {
        Description = "File with the certificates that the server's may be signed with (PEM).",
    };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { Config, Server, User, Authority, Json }) command.Add(option);
    }
}
