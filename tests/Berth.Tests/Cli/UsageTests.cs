using Berth.Tests.Faults;

namespace Berth.Tests.Cli;

/// <summary>What a mistyped command line is answered with.</summary>
public class UsageTests
{
    [Theory]
    [InlineData("serv", "berth: there is no command serv; did you mean serve?\nRun `berth --help`")]
    [InlineData("help", "berth: there is no command help; did you mean --help?\n")]
    [InlineData("usr list", "berth: there is no command usr; did you mean user?\nRun `berth --help`")]
    [InlineData("audit list --limit 3", "berth: there is no option --limit\nRun `berth audit list --help`")]
    [InlineData("user add", "berth: NAME is missing\nRun `berth user add --help`")]
    [InlineData("grant add --role reader", "berth: WHO and NAMES are missing\n")]
    [InlineData("import --yes", "berth: SOURCE is missing\nRun `berth import --help`")]
    [InlineData("import --list registry", "berth: --list lists all imports: leave out SOURCE.\n")]
    [InlineData("mirror", "berth: there is no command mirror\n")]
    [InlineData("config chek", "berth: there is no command chek; did you mean check?\nRun `berth config --help`")]
    [InlineData("verify --dryrun", "berth: there is no option --dryrun\nRun `berth verify --help`")]
    [InlineData("serve config.yml", "berth: unexpected argument config.yml; did you mean --config config.yml?\n")]
    [InlineData("jobs list --limit 0", "berth: --limit must be a number above 0, not '0'.\n")]
    public async Task It_is_told_what_is_wrong_in_two_lines_and_exits_with_2(string arguments, string answer)
    {
        var (exitCode, output) = await BerthCommand.RunAsync(Path.GetTempPath(), arguments.Split(' '));
        Assert.Equal(2, exitCode);
        Assert.StartsWith(answer, output, StringComparison.Ordinal);
        Assert.Equal(2, output.Count(character => character == '\n'));
    }

    [Theory]
    [InlineData]
    [InlineData("config")]
    public async Task A_command_that_needs_another_shows_the_help(params string[] arguments)
    {
        var (_, output) = await BerthCommand.RunAsync(Path.GetTempPath(), arguments);
        Assert.Contains("Commands:", output, StringComparison.Ordinal);
    }
}
