using System.Diagnostics;
using Berth.Tests.Servers;
using Npgsql;

namespace Berth.Tests.Cli;

/// <summary>Runs <c>berth copy-metadata</c> as a process of its own.</summary>
internal static class CopyCommand
{
    public static async Task<(int ExitCode, string Output)> RunAsync(
        string from, string to, IReadOnlyDictionary<string, string>? variables = null)
    {
        using var process = Start(from, to, variables);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }

    /// <summary>Runs it until the condition holds, and then ends it as a power cut would.</summary>
    public static async Task KillAsync(string from, string to, Func<Task<bool>> condition)
    {
        using var process = Start(from, to, variables: null);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        while (!await condition())
        {
            Assert.False(process.HasExited, "the copy ended before it could be interrupted");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("holds the same", await output + await errors, StringComparison.Ordinal);
    }

    public static string UrlOf(PostgresDatabase database) =>
        $"postgres://{PostgresServer.User}@{PostgresServer.Host}:{database.Server.Port}/{database.Name}";

    public static async Task<long> NumberAsync(PostgresDatabase database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), null);
    }

    private static Process Start(string from, string to, IReadOnlyDictionary<string, string>? variables)
    {
        var start = BerthProgram.Prepare("copy-metadata", "--from", from, "--to", to);
        start.Environment["PGPASSWORD"] = PostgresServer.Password;
        foreach (var (name, value) in variables ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException("Berth did not start.");
    }
}
