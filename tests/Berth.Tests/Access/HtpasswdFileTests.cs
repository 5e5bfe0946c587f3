using System.Text;
using Berth.Access;
using Berth.Identity;
using Berth.Settings;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Access;

/// <summary>What is said about an htpasswd file that is not as it should be.</summary>
public sealed class HtpasswdFileTests : IDisposable
{
    private static readonly string Hash = BCrypt.Net.BCrypt.HashPassword("right", 4);
    private readonly string folder = Directory.CreateTempSubdirectory("berth-users-").FullName;
    private readonly SetClock clock = new();
    private readonly LogLines log = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string UsersPath => Path.Combine(folder, "htpasswd");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Of_many_unusable_lines_the_first_20_are_named_and_the_others_counted()
    {
        var unusable = Enumerable.Range(1, 20).Select(n => $"user{n}:plain").ToList();
        var users = await OpenAsync([.. unusable, $"ann:{Hash}"]);
        Assert.Equal(20, log.Count);
        Assert.StartsWith($"{UsersPath}:20: 'user20' has no hash", log[^1], StringComparison.Ordinal);
        await ChangeAsync(users, [.. unusable, "carl:plain", "dora:plain", $"ann:{Hash}"]);
        Assert.Equal(42, log.Count);
        Assert.Equal($"{UsersPath}: 2 more lines can't be used", log[^1]);
    }

    [Fact]
    public async Task A_change_after_which_nobody_could_sign_in_is_told()
    {
        var users = await OpenAsync($"ann:{Hash}");
        Assert.Equal(PasswordAnswer.Wrong, await ChangeAsync(users, "# nobody"));
        Assert.Equal($"{UsersPath} changed and now has 0 users", log[0]);
        Assert.StartsWith("nobody could sign in", log[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_away_for_a_while_is_told_once_and_so_is_its_return()
    {
        var users = await OpenAsync($"ann:{Hash}");
        File.Delete(UsersPath);
        Assert.Equal(PasswordAnswer.Right, await LookAsync(users));
        Assert.Equal(PasswordAnswer.Right, await LookAsync(users));
        Assert.Contains("its previous users stay valid", Assert.Single(log), StringComparison.Ordinal);
        await ChangeAsync(users, $"ann:{Hash}");
        await LookAsync(users);
        Assert.Equal([$"{UsersPath} can be read again"], log.Skip(1));
    }

    [Fact]
    public void The_check_of_the_settings_names_a_file_that_is_missing()
    {
        var fault = Assert.Single(HtpasswdFile.Check(
            new AuthSettings { Htpasswd = new HtpasswdSettings { Path = UsersPath } }));
        Assert.Equal((UsersPath, null, Severity.Error), (fault.Source, fault.Line, fault.Severity));
        Assert.Contains("can't be read", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("03", false)]
    [InlineData("04", true)]
    [InlineData("10", true)]
    [InlineData("31", true)]
    [InlineData("32", false)]
    [InlineData("1x", false)]
    [InlineData("4$", false)]
    public void A_hash_counts_if_bcrypt_has_its_cost(string cost, bool isUsable)
    {
        var entries = HtpasswdEntries.Parse(Encoding.UTF8.GetBytes($"ann:$2y${cost}{Hash[6..]}"));
        Assert.Equal(isUsable ? [$"$2a${cost}{Hash[6..]}"] : [], entries.Hashes.Values);
        Assert.Equal(isUsable ? [] : [1], entries.Unusable.Select(line => line.Number));
    }

    [Fact]
    public void Of_two_lines_with_the_same_name_the_last_one_counts()
    {
        var entries = HtpasswdEntries.Parse(Encoding.UTF8.GetBytes($"ann:$2y$05{Hash[6..]}\nann:{Hash}"));
        Assert.Equal([$"$2a{Hash[3..]}"], entries.Hashes.Values);
        Assert.Contains("twice", Assert.Single(entries.Unusable).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Comments_and_blank_lines_are_no_faults()
    {
        var entries = HtpasswdEntries.Parse("#\n# users\n#ann:plain\n\n \t\nbob:plain"u8);
        Assert.Equal([6], entries.Unusable.Select(line => line.Number));
    }

    private async Task<HtpasswdFile> OpenAsync(params string[] lines)
    {
        await File.WriteAllLinesAsync(UsersPath, lines, Stop);
        var checks = new PasswordChecks(
            new PasswordCheckSettings(), new FailedSignIns(new FailedSignInSettings(), clock), clock);
        return new HtpasswdFile(UsersPath, checks, clock, log);
    }

    private async Task<PasswordAnswer> ChangeAsync(HtpasswdFile users, params string[] lines)
    {
        await File.WriteAllLinesAsync(UsersPath, lines, Stop);
        return await LookAsync(users);
    }

    /// <summary>The file is read again a second later, by whoever signs in.</summary>
    private async Task<PasswordAnswer> LookAsync(HtpasswdFile users)
    {
        clock.Advance(TimeSpan.FromSeconds(1));
        return await users.CheckAsync("ann", "right", null, Stop);
    }

    private sealed class LogLines : List<string>, ILogger<HtpasswdFile>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Add(formatter(state, exception));
    }
}
