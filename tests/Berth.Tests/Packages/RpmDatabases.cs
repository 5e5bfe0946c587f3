using System.Buffers.Binary;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Berth.Tests.Packages;

/// <summary>
/// Databases with some packages that rpmbuild made and rpm installed: the one of SQLite is rpm's own. Debian's rpm
/// writes no other kind; it reads those of Berkeley DB, whose own program makes them here of the same headers.
/// </summary>
public sealed class RpmDatabases : IAsyncLifetime
{
    /// <summary>All that is compared, one package a line.</summary>
    public const string Query =
        "%{NAME}|%{EPOCHNUM}|%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}|%{VENDOR}|%{SOURCERPM}|%{MODULARITYLABEL}\\n";

    private readonly string folder = Directory.CreateTempSubdirectory("berth-rpm-").FullName;

    /// <summary>The folder of rpm's own database.</summary>
    public string Sqlite => Path.Combine(folder, "sqlite");

    /// <summary>The headers in it.</summary>
    internal List<byte[]> Headers { get; } = [];

    public async ValueTask InitializeAsync()
    {
        await BuildAsync();
        Directory.CreateDirectory(Sqlite);
        var packages = Directory.GetFiles(folder, "*.rpm", SearchOption.AllDirectories);
        string[] installing = ["--dbpath", Sqlite, "--justdb", "--nodeps", "--nosignature", "--nodigest"];
        await PackageTools.RunAsync("rpm", ["-i", .. installing, .. packages]);
        // What is taken away leaves pages that nothing uses.
        await PackageTools.RunAsync("rpm", ["-e", .. installing[..4], "tools-p3", "tools-p5"]);
        await using var connection = new SqliteConnection(
            $"Data Source={Sqlite}/rpmdb.sqlite;Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT blob FROM Packages ORDER BY hnum";
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) Headers.Add((byte[])reader[0]);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>Some of them, for tests that read a file very often.</summary>
    internal IReadOnlyList<byte[]> Few => [.. Headers.OrderBy(header => header.Length).Skip(1).Take(6)];

    /// <summary>A database of SQLite with some headers, in the smallest pages there are.</summary>
    internal async Task<byte[]> SmallSqliteAsync()
    {
        var path = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA page_size = 512; "
            + "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)";
        await command.ExecuteNonQueryAsync();
        foreach (var header in Few)
        {
            command.CommandText = $"INSERT INTO Packages (blob) VALUES (x'{Convert.ToHexString(header)}')";
            await command.ExecuteNonQueryAsync();
        }

        await connection.CloseAsync();
        return await File.ReadAllBytesAsync(path);
    }

    /// <summary>The folder of a hash of Berkeley DB.</summary>
    internal async Task<string> BerkeleyAsync(
        int pageBytes, bool isBigEndian, IReadOnlyList<byte[]>? headers = null)
    {
        headers ??= Headers;
        var dump = new StringBuilder("VERSION=3\nformat=bytevalue\ntype=hash\n")
            .Append(FormattableString.Invariant($"db_pagesize={pageBytes}\n"))
            .Append(isBigEndian ? "db_lorder=4321\n" : "").Append("HEADER=END\n");
        for (var i = 0; i < headers.Count; i++) Add(i + 1, headers[i]);
        // rpm's own note of the last number.
        Add(0, Key(headers.Count));
        dump.Append("DATA=END\n");
        var at = Directory.CreateDirectory(Path.Combine(folder, Guid.NewGuid().ToString("N"))).FullName;
        await File.WriteAllTextAsync(Path.Combine(at, "dump"), dump.ToString());
        await PackageTools.RunAsync("db5.3_load", "-f", Path.Combine(at, "dump"), Path.Combine(at, "Packages"));
        return at;

        void Add(int number, byte[] value) => dump.Append(' ').Append(Convert.ToHexStringLower(Key(number)))
            .Append("\n ").Append(Convert.ToHexStringLower(value)).Append('\n');

        byte[] Key(int number)
        {
            var key = new byte[4];
            if (isBigEndian) BinaryPrimitives.WriteInt32BigEndian(key, number);
            else BinaryPrimitives.WriteInt32LittleEndian(key, number);
            return key;
        }
    }

    /// <summary>A database as SUSE's rpm writes it: one page of slots, some of which are free.</summary>
    internal static byte[] Ndb(IReadOnlyList<byte[]> headers)
    {
        const int PageBytes = 4096;
        var file = new MemoryStream();
        file.Write(new byte[PageBytes]);
        var page = new byte[PageBytes];
        for (var at = 0; at < PageBytes; at += 16) "Slot"u8.CopyTo(page.AsSpan(at));
        "RpmP"u8.CopyTo(page);
        Write([0, 7, 1, headers.Count + 1, 0, 0, 0], page.AsSpan(4));
        for (var i = 0; i < headers.Count; i++)
        {
            var blocks = (16 + headers[i].Length + 12 + 15) / 16;
            Write([i + 1, (int)(file.Length / 16), blocks], page.AsSpan(32 + (32 * i) + 4));
            var blob = new byte[blocks * 16];
            "BlbS"u8.CopyTo(blob);
            Write([i + 1, 1_700_000_000, headers[i].Length], blob.AsSpan(4));
            headers[i].CopyTo(blob, 16);
            Write([0, headers[i].Length], blob.AsSpan(blob.Length - 12));
            "BlbE"u8.CopyTo(blob.AsSpan(blob.Length - 4));
            file.Write(blob);
        }

        file.Position = 0;
        file.Write(page);
        return file.ToArray();

        static void Write(int[] numbers, Span<byte> into)
        {
            for (var i = 0; i < numbers.Length; i++)
                BinaryPrimitives.WriteInt32LittleEndian(into[(4 * i)..], numbers[i]);
        }
    }

    private async Task BuildAsync()
    {
        var parts = string.Concat(Enumerable.Range(1, 20).Select(i =>
            $"""
            %package p{i}
            Summary: x
            Version: {i}.{i}{(i % 3 == 0 ? "~rc1" : i % 5 == 0 ? "^git20240101" : "")}
            {(i % 4 == 0 ? $"Epoch: {i}" : "")}
            License: {(i == 7 ? new string('L', 300) : "MIT AND (GPL-2.0-or-later WITH x)")}
            %description p{i}
            x
            %files p{i}
            /usr/bin/tool-{i}
            /usr/share/doc/tool-{i}/README

            """));
        var specs = new[]
        {
            Spec("tools", "Vendor: Jürgen & Söhne GmbH", "for i in $(seq 20); do mkdir -p %{buildroot}/usr/bin "
                + "%{buildroot}/usr/share/doc/tool-$i; touch %{buildroot}/usr/bin/tool-$i "
                + "%{buildroot}/usr/share/doc/tool-$i/README; done", "", parts),
            Spec("nodejs", "Epoch: 1\nBuildArch: noarch\nModularityLabel: nodejs:18:8060020220523160029:ad008a3a",
                "cd %{buildroot}; mkdir -p usr/lib/node_modules/npm; touch usr/lib/node_modules/npm/package.json",
                "/usr/lib/node_modules", ""),
            Spec("many-files", "BuildArch: noarch",
                "for d in $(seq 20); do mkdir -p %{buildroot}/opt/many/$d/bin; (cd %{buildroot}/opt/many/$d/bin; "
                + "seq -f file-with-a-long-name-%g 100 | xargs touch); done",
                "/opt/many", ""),
            Spec("gpg-pubkey", "BuildArch: noarch", "", "", ""),
        };
        for (var i = 0; i < specs.Length; i++)
            await File.WriteAllTextAsync(Path.Combine(folder, $"{i}.spec"), specs[i]);
        await PackageTools.RunAsync(
            "rpmbuild",
            [
                "-bb", "--quiet", "--define", $"_topdir {folder}/top", "--define", "_build_id_links none",
                .. Directory.GetFiles(folder, "*.spec"),
            ]);
    }

    private static string Spec(string name, string fields, string install, string files, string parts) =>
        $"""
        Name: {name}
        Version: 18.19.0
        Release: 2.el9
        Summary: x
        License: MIT
        {fields}
        %description
        x
        %install
        {install}
        %files
        {files}

        {parts}
        """;
}
