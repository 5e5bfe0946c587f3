using System.Reflection;
using System.Text.RegularExpressions;

namespace Berth.Metadata;

/// <summary>One numbered script of <c>Migrations/</c>.</summary>
/// <param name="Number">Its position, from 1 without gaps.</param>
/// <param name="Name">The file's name without its extension.</param>
/// <param name="Oldest">
/// From the script's <c>-- oldest: N</c>: a Berth whose last migration is N can work with the resulting tables. A
/// script that only adds keeps N low, so that old nodes can run beside new ones. One that removes something raises N,
/// at the earliest in the version after the one that stopped using it.
/// </param>
/// <param name="Sql">Statements, with the engines' differences in braces.</param>
internal sealed record Migration(int Number, string Name, int Oldest, string Sql);

/// <summary>Brings the tables up to date from the numbered scripts in <c>Migrations/</c>.</summary>
internal static partial class Migrations
{
    /// <summary>All migrations that this Berth knows, in order.</summary>
    public static IReadOnlyList<Migration> Known { get; } = Read();

    /// <summary>The migrations that a database lacks.</summary>
    /// <exception cref="InvalidDataException">A newer Berth has left tables that this one can't work with.</exception>
    public static async ValueTask<List<Migration>> FindPendingAsync(Session session)
    {
        if (!await session.HasTableAsync("schema_migration")) return [.. Known];
        var applied = await session.NumberAsync("SELECT max(number) FROM schema_migration") ?? 0;
        var oldest = await session.NumberAsync("SELECT max(oldest) FROM schema_migration") ?? 0;
        if (oldest <= Known.Count) return [.. Known.Skip((int)applied)];
        throw new InvalidDataException(
            $"the database is at migration {applied}, but this Berth only knows {Known.Count}: run a newer Berth");
    }

    /// <summary>Applies the missing ones, in the caller's transaction and under its lock.</summary>
    /// <exception cref="InvalidDataException">A newer Berth has left tables that this one can't work with.</exception>
    public static async ValueTask ApplyAsync(Session session)
    {
        await session.RunAsync(
            """
            CREATE TABLE IF NOT EXISTS schema_migration (
                number BIGINT PRIMARY KEY, oldest BIGINT NOT NULL, applied_at BIGINT NOT NULL)
            """);
        foreach (var migration in await FindPendingAsync(session))
        {
            await session.RunScriptAsync(session.Translate(migration.Sql));
            await session.RunAsync("INSERT INTO schema_migration (number, oldest, applied_at) VALUES ($1, $2, $3)",
                migration.Number, migration.Oldest, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        }
    }

    /// <exception cref="InvalidDataException">The tables are not those of this Berth.</exception>
    public static async ValueTask RequireCurrentAsync(Session session)
    {
        if (await FindPendingAsync(session) is not { Count: > 0 } pending) return;
        throw new InvalidDataException(
            $"the database lacks migration {pending[0].Name}: start `berth serve` of the same version on it first");
    }

    private static List<Migration> Read()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Select(name => (Name: ScriptName().Match(name), Resource: name))
            .Where(script => script.Name.Success)
            .OrderBy(script => script.Name.Value, StringComparer.Ordinal)
            .Select(script => Read(script.Name, assembly.GetManifestResourceStream(script.Resource)!))];
    }

    private static Migration Read(Match name, Stream script)
    {
        using var reader = new StreamReader(script);
        var sql = reader.ReadToEnd();
        return new Migration(
            int.Parse(name.Groups[2].ValueSpan), name.Groups[1].Value,
            int.Parse(OldestLine().Match(sql).Groups[1].ValueSpan), sql);
    }

    [GeneratedRegex(@"((\d{4})-[a-z0-9-]+)\.sql$")]
    private static partial Regex ScriptName();

    [GeneratedRegex(@"^-- oldest: (\d+)$", RegexOptions.Multiline)]
    private static partial Regex OldestLine();
}
