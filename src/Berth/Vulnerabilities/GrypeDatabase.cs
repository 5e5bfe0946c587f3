using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Berth.Vulnerabilities;

/// <summary>
/// Reads the database of Grype (anchore/grype, grype/db/v6): a SQLite file whose tables name packages and point to
/// JSON. It has millions of rows, so they are read one after another. It is the operator's, but what it says is
/// bounded.
/// </summary>
internal sealed class GrypeDatabase : IDisposable
{
    private const int Model = 6;
    private const int MaxJson = 8 << 20;
    private const int MaxName = 500;
    private const int MaxEntries = 50_000;

    private static readonly Dictionary<string, string> Languages = new(StringComparer.Ordinal)
    {
        ["npm"] = "npm",
        ["python"] = "PyPI",
        ["java-archive"] = "Maven",
        ["dotnet"] = "NuGet",
        ["gem"] = "RubyGems",
        ["go-module"] = "Go",
        ["rust-crate"] = "crates.io",
        ["php-composer"] = "Packagist",
        ["hex"] = "Hex",
        ["dart-pub"] = "Pub",
    };

    private static readonly string[] Tables =
    [
        "affected_package_handles", "packages", "operating_systems", "vulnerability_handles", "blobs",
        "known_exploited_vulnerability_handles", "epss_handles",
    ];

    private readonly SqliteConnection connection;

    static GrypeDatabase() => SQLitePCL.Batteries_V2.Init();

    private GrypeDatabase(SqliteConnection connection) => this.connection = connection;

    /// <exception cref="InvalidDataException">It is no such database, or of another version.</exception>
    public static GrypeDatabase Open(string path)
    {
        var address = new Uri(Path.GetFullPath(path)).AbsoluteUri + "?immutable=1";
        var options = new SqliteConnectionStringBuilder
        {
            DataSource = address,
            Mode = SqliteOpenMode.ReadOnly,
            Pooling = false,
        };
        var database = new GrypeDatabase(new SqliteConnection(options.ToString()));
        try
        {
            database.connection.Open();
            database.Check();
            return database;
        }
        catch (Exception e) when (IsOfContent(e))
        {
            database.Dispose();
            throw Unreadable(e);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>What it says of the packages of these ecosystems.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public IEnumerable<OsvRecord> Records(IReadOnlySet<string> ecosystems) =>
        Guarded(() => ReadRecords(ecosystems).GetEnumerator());

    /// <summary>When distributions of these ecosystems got their last fixes, or will.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public IEnumerable<(string Ecosystem, DateOnly Day)> Ends(IReadOnlySet<string> ecosystems) =>
        Guarded(() => ReadEnds(ecosystems).GetEnumerator());

    /// <summary>What it says of exploits.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public IEnumerable<(string Cve, ExploitFacts Facts)> Exploits() =>
        Guarded(() => ReadScores().Concat(ReadKnownExploited()).GetEnumerator());

    public void Dispose() => connection.Dispose();

    /// <summary>A value may be missing, or be of another type than its column.</summary>
    private static bool IsOfContent(Exception e) =>
        e is SqliteException or InvalidOperationException or InvalidCastException;

    private static InvalidDataException Unreadable(Exception e) =>
        new($"is no database of Grype, or damaged ({e.Message})", e);

    private static IEnumerable<T> Guarded<T>(Func<IEnumerator<T>> begin)
    {
        using var items = begin();
        while (true)
        {
            try
            {
                if (!items.MoveNext()) yield break;
            }
            catch (Exception e) when (IsOfContent(e))
            {
                throw Unreadable(e);
            }

            yield return items.Current;
        }
    }

    /// <summary>A view may have rows without end, and a virtual table be anything.</summary>
    private void Check()
    {
        using (var quiet = Command("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")) quiet.ExecuteNonQuery();
        using var kind = Command("SELECT type, sql FROM sqlite_master WHERE name = $0", 1);
        foreach (var table in Tables.Append("db_metadata"))
        {
            kind.Parameters[0].Value = table;
            using var row = kind.ExecuteReader();
            if (!row.Read() || row.GetValue(0) is not "table" || row.GetValue(1) is not string sql
                || sql.StartsWith("CREATE VIRTUAL", StringComparison.OrdinalIgnoreCase))
            {
                throw new InvalidDataException($"is no database of Grype: it has no table {table}");
            }
        }

        using var model = Command("SELECT model FROM db_metadata");
        if (model.ExecuteScalar() is not (long)Model)
            throw new InvalidDataException($"is a database of Grype of another version than {Model}");
    }

    private IEnumerable<OsvRecord> ReadRecords(IReadOnlySet<string> ecosystems)
    {
        var systems = ReadSystems(ecosystems);
        using var package = Command("SELECT ecosystem, name FROM packages WHERE id = $0", 1);
        using var blob = Command("SELECT value FROM blobs WHERE id = $0 AND length(value) <= $1", 2);
        blob.Parameters[1].Value = MaxJson;
        using var vulnerability = Command(
            "SELECT name, provider_id, status, published_date, modified_date, withdrawn_date, blob_id "
            + "FROM vulnerability_handles WHERE id = $0",
            1);
        // Only numbers are sorted: the rest is looked up, so that little is kept.
        using var handles = Command(
            "SELECT vulnerability_id, operating_system_id, package_id, blob_id FROM affected_package_handles "
            + "ORDER BY vulnerability_id");
        using var rows = handles.ExecuteReader();
        var affected = new List<(OsvAffected Affected, IReadOnlyList<string> Cves)>();
        var current = -1L;
        while (rows.Read())
        {
            if (rows.IsDBNull(0) || rows.IsDBNull(2) || rows.IsDBNull(3)) continue;
            var id = rows.GetInt64(0);
            if (id != current)
            {
                if (affected.Count > 0 && RecordOf(current) is { } whole) yield return whole;
                affected.Clear();
                current = id;
            }

            var system = rows.IsDBNull(1) ? (long?)null : rows.GetInt64(1);
            if (system is { } number && !systems.ContainsKey(number)) continue;
            if (affected.Count < MaxEntries && NameOf(rows.GetInt64(2), system) is { } name
                && JsonOf(rows.GetInt64(3)) is { } json)
            {
                using (json) if (GrypeJson.Affected(name, json.RootElement) is { } one) affected.Add(one);
            }
        }

        if (affected.Count > 0 && RecordOf(current) is { } last) yield return last;

        OsvAffected? NameOf(long id, long? system)
        {
            package.Parameters[0].Value = id;
            using var row = package.ExecuteReader();
            if (!row.Read() || TextOf(row, 0) is not { } kind || TextOf(row, 1) is not { } name) return null;
            var ecosystem = system is { } number ? systems[number] : Languages.GetValueOrDefault(kind);
            return ecosystem is not null && ecosystems.Contains(ecosystem) ? new OsvAffected(ecosystem, name) : null;
        }

        JsonDocument? JsonOf(long id)
        {
            blob.Parameters[0].Value = id;
            return blob.ExecuteScalar() is string text ? JsonData.TryParse(text) : null;
        }

        OsvRecord? RecordOf(long id)
        {
            vulnerability.Parameters[0].Value = id;
            using var row = vulnerability.ExecuteReader();
            if (!row.Read() || TextOf(row, 0) is not { } name || TextOf(row, 1) is not { } provider) return null;
            if (TextOf(row, 2) == "rejected" || !row.IsDBNull(5) || row.IsDBNull(6)) return null;
            using var json = JsonOf(row.GetInt64(6));
            return GrypeJson.Record(name, provider, json?.RootElement ?? default, affected) with
            {
                Published = TimeOf(row, 3),
                Modified = TimeOf(row, 4),
            };
        }
    }

    private Dictionary<long, string> ReadSystems(IReadOnlySet<string> ecosystems)
    {
        var systems = new Dictionary<long, string>();
        using var command = Command(
            "SELECT id, name, major_version, minor_version, label_version, channel FROM operating_systems "
            + "LIMIT 100000");
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            // A channel is what is supported for longer, and fixed in other versions.
            if (TextOf(rows, 5) is { Length: > 0 } || TextOf(rows, 1) is not { } name) continue;
            var ecosystem = Ecosystems.OfGrype(
                name, TextOf(rows, 2) ?? "", TextOf(rows, 3) ?? "", TextOf(rows, 4) ?? "");
            if (ecosystem is not null && ecosystems.Contains(ecosystem)) systems[rows.GetInt64(0)] = ecosystem;
        }

        return systems;
    }

    /// <summary>Earlier ones do not say it.</summary>
    private IEnumerable<(string, DateOnly)> ReadEnds(IReadOnlySet<string> ecosystems)
    {
        using (var column = Command("SELECT 1 FROM pragma_table_info('operating_systems') WHERE name = 'eol_date'"))
            if (column.ExecuteScalar() is null) yield break;
        var systems = ReadSystems(ecosystems);
        using var command = Command(
            "SELECT id, eol_date FROM operating_systems WHERE eol_date IS NOT NULL ORDER BY eol_date DESC "
            + "LIMIT 100000");
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            if (systems.GetValueOrDefault(rows.GetInt64(0)) is { } ecosystem
                && JsonData.DateOf(TextOf(rows, 1)) is { } day)
            {
                yield return (ecosystem, day);
            }
        }
    }

    private IEnumerable<(string, ExploitFacts)> ReadScores()
    {
        using var command = Command("SELECT cve, epss, percentile FROM epss_handles");
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            if (TextOf(rows, 0)?.ToUpperInvariant() is not { } cve || !OsvRecord.IsCve(cve)) continue;
            if (ShareOf(rows, 1) is { } score)
                yield return (cve, new ExploitFacts(score, ShareOf(rows, 2), null, IsRansomware: false));
        }
    }

    private IEnumerable<(string, ExploitFacts)> ReadKnownExploited()
    {
        using var command = Command(
            "SELECT k.cve, b.value FROM known_exploited_vulnerability_handles k JOIN blobs b ON b.id = k.blob_id "
            + "WHERE length(b.value) <= $0",
            1);
        command.Parameters[0].Value = MaxJson;
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            if (TextOf(rows, 0)?.ToUpperInvariant() is not { } cve || !OsvRecord.IsCve(cve)) continue;
            if (rows.GetValue(1) is not string text || JsonData.TryParse(text) is not { } json) continue;
            using (json)
            {
                if (JsonData.DateOf(JsonData.Text(json.RootElement, "date_added")) is not { } added) continue;
                var use = JsonData.Text(json.RootElement, "known_ransomware_campaign_use");
                yield return (cve, new ExploitFacts(
                    null, null, added, string.Equals(use, "known", StringComparison.OrdinalIgnoreCase)));
            }
        }
    }

    private SqliteCommand Command(string sql, int parameters = 0)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var at = 0; at < parameters; at++)
            command.Parameters.Add(new SqliteParameter { ParameterName = $"${at}" });
        return command;
    }

    private static string? TextOf(SqliteDataReader row, int column) =>
        row.GetValue(column) is string { Length: <= MaxName } text ? text : null;

    private static double? ShareOf(SqliteDataReader row, int column) =>
        row.GetValue(column) is double share and >= 0 and <= 1 ? share : null;

    private static DateTimeOffset? TimeOf(SqliteDataReader row, int column) => DateTimeOffset.TryParse(
        TextOf(row, column), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
