using System.Reflection;

namespace Berth.Metadata;

/// <summary>
/// Brings the tables up to date from the numbered scripts in <c>Migrations/</c>, each in one transaction.
/// </summary>
internal static class Migrations
{
    private static readonly (string Placeholder, string Sqlite)[] Dialect =
    [
        ("{identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("{text}", "TEXT"),
        ("{bytes}", "BLOB"),
        ("{clustered}", "WITHOUT ROWID"),
    ];

    /// <exception cref="InvalidDataException">The database has a migration this Berth does not know.</exception>
    public static async Task ApplyAsync(Session session)
    {
        await session.RunScriptAsync("PRAGMA synchronous = FULL");
        await session.RunAsync("BEGIN IMMEDIATE");
        await session.RunAsync(
            "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)");
        var applied = await session.NumberAsync("SELECT max(number) FROM schema_migration") ?? 0;
        var scripts = Scripts();
        if (applied > scripts.Count)
        {
            throw new InvalidDataException(
                $"the database is at migration {applied}, and this Berth knows {scripts.Count}: run a newer Berth");
        }

        for (var number = (int)applied + 1; number <= scripts.Count; number++)
        {
            await session.RunScriptAsync(scripts[number - 1]);
            await session.RunAsync("INSERT INTO schema_migration (number, applied_at) VALUES ($1, $2)",
                number, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        }

        await session.RunAsync("COMMIT");
    }

    /// <exception cref="InvalidDataException">The tables are not those that this Berth works with.</exception>
    public static async Task RequireCurrentAsync(Session session)
    {
        var hasTables = await session.NumberAsync("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'");
        var applied = hasTables is null
            ? 0
            : await session.NumberAsync("SELECT max(number) FROM schema_migration") ?? 0;
        if (applied == Scripts().Count) return;
        throw new InvalidDataException(
            $"the database is at migration {applied}, and this Berth needs {Scripts().Count}: let `berth serve` of the "
            + "same version run on it first");
    }

    private static List<string> Scripts()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => ForSqlite(assembly.GetManifestResourceStream(name)!))];
    }

    private static string ForSqlite(Stream script)
    {
        using var reader = new StreamReader(script);
        var sql = reader.ReadToEnd();
        return Dialect.Aggregate(sql, (text, d) => text.Replace(d.Placeholder, d.Sqlite, StringComparison.Ordinal));
    }
}
