using System.Data.Common;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Cli;

public class CopyMetadataTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly TestImage Base = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000), new TestBlob(3, 9_000)], MountedFrom: null);

    private static readonly TestImage Derived = new("team/app", "latest", new(4, 400), [new TestBlob(5, 900)], Base);

    [Fact]
    public async Task A_registry_goes_to_PostgreSQL_and_back_row_by_row_and_serves_from_either()
    {
        await using var berth = await FillAsync();
        await using var postgres = await PostgresServer.CreateDatabaseAsync();
        var first = Path.Combine(berth.DataFolder, "berth.db");
        var second = Path.Combine(berth.DataFolder, "back.db");
        await AddAccountAsync(first);

        var (exitCode, output) = await CopyCommand.RunAsync(first, CopyCommand.UrlOf(postgres));
        Assert.True(exitCode == 0, output);
        Assert.Contains($"holds the same {await CountAsync(first)} rows", output, StringComparison.Ordinal);
        (exitCode, output) = await CopyCommand.RunAsync(CopyCommand.UrlOf(postgres), second);
        Assert.True(exitCode == 0, output);

        var rows = await DumpAsync(first);
        Assert.Equal(WithoutMark(rows), WithoutMark(await DumpAsync(second)));
        Assert.All(CopiedTable.All, table => Assert.Contains(rows, row => row.StartsWith(table.Name + " ")));
        await ServeAsync(berth.DataFolder, postgres.Variables);

        // From then on the store is that of the copy: neither the original nor an older copy may use it.
        foreach (var old in new[] { first, second })
        {
            await Assert.ThrowsAnyAsync<Exception>(() => ServeAsync(berth.DataFolder, PathOf(old)));
            File.Delete(old);
        }

        (exitCode, output) = await CopyCommand.RunAsync(CopyCommand.UrlOf(postgres), second);
        Assert.True(exitCode == 0, output);
        await ServeAsync(berth.DataFolder, PathOf(second));
    }

    [Fact]
    public async Task A_clone_of_a_registry_and_its_original_both_go_on()
    {
        await using var berth = await FillAsync();
        using var clone = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(berth.DataFolder, "*", SearchOption.AllDirectories))
        {
            if (Path.GetFileName(file).StartsWith("berth.db", StringComparison.Ordinal)) continue;
            var to = clone.File(Path.GetRelativePath(berth.DataFolder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        var (original, copied) = (Path.Combine(berth.DataFolder, "berth.db"), clone.File("berth.db"));
        var (exitCode, output) = await CopyCommand.RunAsync(original, copied);
        Assert.True(exitCode == 0, output);
        foreach (var database in new[] { copied, original, copied })
            await ServeAsync(Path.GetDirectoryName(database)!, PathOf(database));
    }

    [Fact]
    public async Task A_copy_that_is_killed_leaves_the_target_empty_and_can_be_run_again()
    {
        using var folder = new TemporaryFolder();
        await using var postgres = await PostgresServer.CreateDatabaseAsync();
        var (file, back) = (folder.File("berth.db"), folder.File("back.db"));
        await FillAsync(file, repositories: 25_000);
        var url = CopyCommand.UrlOf(postgres);
        const string Inserting = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'INSERT INTO %' AND query NOT LIKE '%schema_migration%'
            """;

        await CopyCommand.KillAsync(file, url, async () => await CopyCommand.NumberAsync(postgres, Inserting) > 0);
        Assert.Equal(0, await CopyCommand.NumberAsync(postgres, "SELECT count(*) FROM repository"));
        var (exitCode, output) = await CopyCommand.RunAsync(file, url);
        Assert.True(exitCode == 0, output);
        Assert.Equal(25_000, await CopyCommand.NumberAsync(postgres, "SELECT count(*) FROM repository"));

        // The tables are there soon; the rows come with one transaction, which is in memory for the most part.
        await CopyCommand.KillAsync(url, back, async () =>
        {
            await Task.Delay(File.Exists(back + "-wal") ? 400 : 0, Stop);
            return File.Exists(back + "-wal");
        });
        Assert.Equal(0, await CountAsync(back));
        (exitCode, output) = await CopyCommand.RunAsync(url, back);
        Assert.True(exitCode == 0, output);
        Assert.Equal(await CountAsync(file), await CountAsync(back));
    }

    [Fact]
    public async Task A_copy_that_differs_exits_with_1_and_is_not_kept()
    {
        using var folder = new TemporaryFolder();
        var (file, target) = (folder.File("berth.db"), folder.File("target.db"));
        await FillAsync(file, repositories: 3);
        await using (var database = await SqliteDatabase.OpenAsync(target))
        {
            await database.WriteAsync(
                session => session.RunAsync(
                    """
                    CREATE TRIGGER alter_one AFTER INSERT ON tag WHEN new.name = 'v2'
                    BEGIN UPDATE tag SET moved_by = 'someone else' WHERE name = 'v2'; END
                    """),
                isDurable: true, Stop);
        }

        var (exitCode, output) = await CopyCommand.RunAsync(file, target);
        Assert.True(exitCode == 1, output);
        Assert.Contains("The copy differs in tag. Nothing of it was kept", output, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(target));
    }

    [Fact]
    public async Task A_target_that_is_not_empty_is_refused_and_stays_as_it_is()
    {
        using var folder = new TemporaryFolder();
        var (file, target) = (folder.File("berth.db"), folder.File("target.db"));
        await FillAsync(file, repositories: 3);
        await FillAsync(target, repositories: 1);
        var before = await DumpAsync(target);
        var (exitCode, output) = await CopyCommand.RunAsync(file, target);
        Assert.True(exitCode == 2, output);
        Assert.Contains("copy into an empty database", output, StringComparison.Ordinal);
        Assert.Equal(before, await DumpAsync(target));
    }

    [Fact]
    public async Task A_target_that_a_server_was_only_started_on_counts_as_empty()
    {
        await using var berth = await FillAsync();
        await using var postgres = await PostgresServer.CreateDatabaseAsync();
        await using (var tried = await BerthProcess.StartAsync(
            Variables(postgres.Variables), TestContext.Current.CancellationToken))
        {
            await tried.TerminateAsync(TestContext.Current.CancellationToken);
        }

        var file = Path.Combine(berth.DataFolder, "berth.db");
        var (exitCode, output) = await CopyCommand.RunAsync(file, CopyCommand.UrlOf(postgres));
        Assert.True(exitCode == 0, output);
        Assert.Equal(
            await CountAsync(file, "job"), await CopyCommand.NumberAsync(postgres, "SELECT count(*) FROM job"));
    }

    [Fact]
    public async Task Databases_that_servers_use_are_refused()
    {
        using var folder = new TemporaryFolder();
        await using var postgres = await PostgresServer.CreateDatabaseAsync();
        var (elsewhere, empty) = (folder.File("elsewhere.db"), folder.File("empty.db"));
        await using var onFolder = await BerthProcess.StartAsync(
            Variables([]), TestContext.Current.CancellationToken);
        await using var onFile = await BerthProcess.StartAsync(
            Variables(new Dictionary<string, string> { ["REGISTRY_DATABASE_PATH"] = elsewhere }),
            TestContext.Current.CancellationToken);
        await using var onPostgres = await BerthProcess.StartAsync(
            Variables(postgres.Variables), TestContext.Current.CancellationToken);
        foreach (var used in new[]
        {
            Path.Combine(onFolder.DataFolder, "berth.db"), elsewhere, CopyCommand.UrlOf(postgres),
        })
        {
            var (exitCode, output) = await CopyCommand.RunAsync(used, empty);
            Assert.True(exitCode == 2, output);
            Assert.Matches("stop (it|them) first", output);
            (exitCode, output) = await CopyCommand.RunAsync(await FilledAsync(folder), used);
            Assert.True(exitCode == 2, output);
            Assert.Matches("stop (it|them) first", output);
        }
    }

    [Fact]
    public async Task Settings_files_name_databases_too()
    {
        using var folder = new TemporaryFolder();
        await using var postgres = await PostgresServer.CreateDatabaseAsync();
        var (from, to) = (folder.File("from.yml"), folder.File("to.yaml"));
        await FillAsync(Path.Combine(folder.Path, "data", "berth.db"), repositories: 7);
        await File.WriteAllTextAsync(
            from, $"storage: {{filesystem: {{rootdirectory: {Path.Combine(folder.Path, "data")}}}}}",
            TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            to,
            $"""
            database:
              host: {PostgresServer.Host}
              port: {postgres.Server.Port}
              dbname: {postgres.Name}
              password: "{PostgresServer.Password}"
            """,
            TestContext.Current.CancellationToken);
        var variables = new Dictionary<string, string> { ["PGPASSWORD"] = "wrong" };
        var (exitCode, output) = await CopyCommand.RunAsync(from, to, variables);
        Assert.True(exitCode == 0, output);
        Assert.Equal(7, await CopyCommand.NumberAsync(postgres, "SELECT count(*) FROM repository"));
        (exitCode, output) = await CopyCommand.RunAsync(from, to, postgres.Variables);
        Assert.True(exitCode == 2, output);
        Assert.Contains("are the same database", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{folder}/missing.db", "{folder}/new.db", "there is no database at")]
    [InlineData("{folder}/filled.db", "{folder}/../{name}/filled.db", "are the same database")]
    [InlineData("{folder}/filled.db", "postgres://berth:secret@127.0.0.1/x", "put it into PGPASSWORD")]
    [InlineData("{folder}/filled.db", "postgres://berth@127.0.0.1/x?sslmod=require", "'sslmod' is not known")]
    [InlineData("{folder}/filled.db", "postgres://berth@127.0.0.1/x?sslmode=never", "must be one of disable, allow")]
    [InlineData("{folder}/filled.db", "postgres:///x", "has no host")]
    [InlineData("{folder}/filled.db", "postgres://berth@127.0.0.1:1/x", "can't be used")]
    [InlineData("{folder}/filled.db", "{folder}/missing.yml", "there is no such file")]
    [InlineData("{folder}/filled.db", "{folder}/no/such/folder.db", "can't be used")]
    public async Task An_impossible_copy_is_refused_with_the_reason(string from, string to, string reason)
    {
        using var folder = new TemporaryFolder();
        await FilledAsync(folder);
        string Fill(string text) => text
            .Replace("{folder}", folder.Path, StringComparison.Ordinal)
            .Replace("{name}", Path.GetFileName(folder.Path), StringComparison.Ordinal);
        var (exitCode, output) = await CopyCommand.RunAsync(Fill(from), Fill(to));
        Assert.True(exitCode == 2, output);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.Equal(["filled.db"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Every_table_is_copied_with_its_key()
    {
        using var folder = new TemporaryFolder();
        await using var database = await SqliteDatabase.OpenAsync(folder.File("berth.db"));
        var names = await database.ReadAsync(s => s.AllAsync(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            row => row.GetString(0)), Stop);
        Assert.Equal(
            names.Where(n => n != "schema_migration").Order(), CopiedTable.All.Select(table => table.Name).Order());
        foreach (var table in CopiedTable.All)
        {
            Assert.Equal(table.Key, await database.ReadAsync(s => s.AllAsync(
                $"SELECT name FROM pragma_table_info('{table.Name}') WHERE pk > 0 ORDER BY pk",
                row => row.GetString(0)), Stop));
            Assert.Equal(table.HasIdentity ? 1 : null, await database.ReadAsync(s => s.NumberAsync(
                "SELECT 1 FROM sqlite_master WHERE name = $1 AND sql LIKE '%AUTOINCREMENT%'", table.Name), Stop));
        }
    }

    /// <summary>A stopped registry in which something of every kind was done.</summary>
    private static async Task<BerthProcess> FillAsync()
    {
        var berth = await BerthProcess.StartAsync(Variables([]), TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        foreach (var image in new[] { Base, Derived, Base with { Tag = "v2" }, Base with { Tag = "gone" } })
        {
            await client.PushAsync(image);
        }

        await http.DeleteAsync($"v2/{Base.Repository}/manifests/gone", TestContext.Current.CancellationToken);
        await client.StartAsync("team/unfinished", "");
        await berth.TerminateAsync(TestContext.Current.CancellationToken);
        await using var database = await SqliteDatabase.OpenAsync(Path.Combine(berth.DataFolder, "berth.db"));
        await database.WriteAsync(CopiedRows.FillAsync, isDurable: true, TestContext.Current.CancellationToken);
        return berth;
    }

    /// <summary>Pulls what was pushed before, and pushes something new: a repository, a tag and its history.</summary>
    private static List<string> WithoutMark(List<string> rows) =>
        rows.FindAll(row => !row.StartsWith("store_mark ", StringComparison.Ordinal));

    private static Dictionary<string, string> PathOf(string database) =>
        new() { ["REGISTRY_DATABASE_PATH"] = database };

    private static async Task ServeAsync(string dataFolder, IReadOnlyDictionary<string, string> database)
    {
        await using var berth = await BerthProcess.StartAsync(
            Variables(new Dictionary<string, string>(database)
            {
                ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = dataFolder,
            }),
            TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        Assert.True(await client.IsWholeAsync(Base));
        Assert.True(await client.IsWholeAsync(Derived));
        var added = Base with { Repository = "library/new" };
        await client.PushAsync(added);
        Assert.True(await client.IsWholeAsync(added));
        await berth.TerminateAsync(TestContext.Current.CancellationToken);
    }

    private static async Task AddAccountAsync(string file)
    {
        await using var database = await SqliteDatabase.OpenBesideAsync(file);
        await database.WriteAsync(
            session => session.RunAsync(
                "INSERT INTO account (kind, name, created_at) VALUES ('person', 'Zoë', 1795640000000)"),
            isDurable: true);
    }

    private static async Task<string> FilledAsync(TemporaryFolder folder)
    {
        var file = folder.File("filled.db");
        if (!File.Exists(file)) await FillAsync(file, repositories: 2);
        return file;
    }

    /// <summary>A database of repositories with a tag each.</summary>
    private static async Task FillAsync(string file, int repositories)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await using var database = await SqliteDatabase.OpenAsync(file);
        await database.WriteAsync(
            async session =>
            {
                await session.RunAsync(
                    """
                    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1)
                    INSERT INTO repository (name, created_at) SELECT 'library/r' || n, n FROM n
                    """,
                    repositories);
                await session.RunAsync(
                    """
                    INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
                    SELECT id, 'v' || id, 'sha256:' || id, id, 'Zoë 🎈' FROM repository
                    """);
                return true;
            },
            isDurable: true);
    }

    private static Task<long> CountAsync(string file) => OpenAsync(file, async session =>
    {
        var count = 0L;
        foreach (var table in CopiedTable.All) count += await new TableRows(session, table).CountAsync();
        return count;
    });

    private static Task<long> CountAsync(string file, string table) => OpenAsync(
        file, async session => await session.NumberAsync($"SELECT count(*) FROM {table}") ?? 0);

    /// <summary>Every row of every table, written out.</summary>
    private static Task<List<string>> DumpAsync(string file) => OpenAsync(file, async session =>
    {
        var rows = new List<string>();
        foreach (var table in CopiedTable.All)
        {
            rows.AddRange(await session.AllAsync(
                $"SELECT * FROM {table.Name} ORDER BY {string.Join(", ", table.Key)}",
                row => Enumerable.Range(0, row.FieldCount).Aggregate(table.Name, (all, i) => $"{all} {Show(row, i)}")));
        }

        return rows;
    });

    private static string Show(DbDataReader row, int column) => row.GetValue(column) switch
    {
        byte[] bytes => $"{row.GetName(column)}=x'{Convert.ToHexString(bytes)}'",
        string text => $"{row.GetName(column)}='{text}'",
        var value => $"{row.GetName(column)}={value}",
    };

    private static async Task<T> OpenAsync<T>(string file, Func<Session, ValueTask<T>> read)
    {
        await using var database = await SqliteDatabase.OpenBesideAsync(file);
        return await database.ReadAsync(read);
    }

    /// <summary>SQLite by default, whichever engine the test run uses.</summary>
    private static Action<IDictionary<string, string>> Variables(IReadOnlyDictionary<string, string> more) => all =>
    {
        foreach (var name in all.Keys.Where(n => n.StartsWith("REGISTRY_DATABASE_", StringComparison.Ordinal)).ToList())
        {
            all.Remove(name);
        }

        foreach (var (name, value) in more) all[name] = value;
    };

    private static Action<IDictionary<string, string>> Variables(Dictionary<string, string> more) =>
        Variables((IReadOnlyDictionary<string, string>)more);

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("berth-test-").FullName;

        public string File(string name) => System.IO.Path.Combine(Path, name);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
