using System.Diagnostics;
using Amazon.S3;
using Amazon.S3.Model;
using Npgsql;

namespace Berth.Tests.Servers;

/// <summary>What tests build on: that the real servers start, are empty, go away and come back.</summary>
public sealed class ServerTests
{
    [Fact]
    public async Task A_database_is_empty_and_gone_afterwards()
    {
        var database = await PostgresServer.CreateDatabaseAsync();
        await using (database)
        {
            await using var connection = new NpgsqlConnection(database.ConnectionString);
            await connection.OpenAsync(Cancellation);
            Assert.Equal(0L, await AskAsync(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
            Assert.Equal(0L, await AskAsync(connection, "CREATE TABLE t (n int); SELECT count(*) FROM t"));
            Assert.Equal(false, await AskAsync(
                connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"));
        }

        await using var late = new NpgsqlConnection(database.ConnectionString);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => late.OpenAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InvalidCatalogName, refusal.SqlState);
    }

    [Fact]
    public async Task A_database_refuses_a_wrong_password()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        var wrong = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Password = "wrong" };
        await using var connection = new NpgsqlConnection(wrong.ConnectionString);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refusal.SqlState);
    }

    [Fact]
    public async Task A_database_speaks_TLS_under_its_certificate()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        var secure = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            SslMode = SslMode.VerifyFull,
            RootCertificate = database.Server.CertificateFile,
        };
        await using var connection = new NpgsqlConnection(secure.ConnectionString);
        await connection.OpenAsync(Cancellation);
        Assert.Equal(true, await AskAsync(
            connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"));
    }

    [Fact]
    public async Task A_database_server_goes_away_and_comes_back_with_its_content()
    {
        await using var server = await PostgresServer.StartAsync(durable: true);
        await using var database = await server.CreateOwnDatabaseAsync();
        await using var before = new NpgsqlConnection(database.ConnectionString);
        await before.OpenAsync(Cancellation);
        await AskAsync(before, "CREATE TABLE t (n int)");

        foreach (var leave in new[] { server.StopAsync, server.KillAsync })
        {
            await leave();
            await using var refused = new NpgsqlConnection(database.ConnectionString);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => refused.OpenAsync(Cancellation));
            await server.StartAgainAsync();
            await using var after = new NpgsqlConnection(database.ConnectionString);
            await after.OpenAsync(Cancellation);
            Assert.Equal(0L, await AskAsync(after, "SELECT count(*) FROM t"));
        }

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => AskAsync(before, "SELECT 1"));
    }

    [Fact]
    public async Task A_bucket_keeps_what_is_put_and_is_gone_afterwards()
    {
        var bucket = await S3Server.CreateBucketAsync();
        var client = bucket.Server.Client;
        await using (bucket)
        {
            Assert.Empty(await bucket.KeysAsync());
            await client.PutObjectAsync(
                new PutObjectRequest { BucketName = bucket.Name, Key = "a/b", ContentBody = "hello" }, Cancellation);
            await client.InitiateMultipartUploadAsync(bucket.Name, "c", Cancellation);
            using var got = await client.GetObjectAsync(bucket.Name, "a/b", Cancellation);
            Assert.Equal("hello", await new StreamReader(got.ResponseStream).ReadToEndAsync(Cancellation));
            Assert.Equal(["a/b"], await bucket.KeysAsync());
            Assert.Equal("c", Assert.Single(await bucket.UploadsAsync()).Key);
        }

        var refusal = await Assert.ThrowsAnyAsync<AmazonS3Exception>(bucket.KeysAsync);
        Assert.Equal("NoSuchBucket", refusal.ErrorCode);
    }

    [Fact]
    public async Task A_store_goes_away_and_comes_back_with_its_content()
    {
        await using var server = await S3Server.StartAsync();
        await using var bucket = await server.CreateOwnBucketAsync();
        await server.Client.PutObjectAsync(
            new PutObjectRequest { BucketName = bucket.Name, Key = "a", ContentBody = "hello" }, Cancellation);
        await server.StopAsync();
        await Assert.ThrowsAnyAsync<Exception>(bucket.KeysAsync);
        await server.StartAgainAsync();
        Assert.Equal(["a"], await bucket.KeysAsync());
    }

    [Theory]
    [InlineData("postgres.sh", "password", "fast")]
    [InlineData("azurite.sh", "http", "account", "a2V5")]
    [InlineData("azurite.sh", "https", "account", "a2V5")]
    [InlineData("ceph.sh", "TLS", "MONITOR", "ACCESS", "secret")]
    public async Task Servers_and_their_folder_end_with_their_owner(string name, params string[] arguments)
    {
        var ports = arguments.Select(a => a is "TLS" or "MONITOR" ? $"{LoopbackPorts.Free()}" : a);
        var script = await ServerScript.StartAsync(name, [$"{LoopbackPorts.Free()}", .. ports]);
        Assert.NotEmpty(ProcessesOf(script.Folder));
        await script.DisposeAsync();
        Assert.Empty(ProcessesOf(script.Folder));
        Assert.False(Directory.Exists(script.Folder));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync(Cancellation);
    }

    /// <summary>The command lines that name a folder, or whose environment does.</summary>
    private static List<string> ProcessesOf(string folder)
    {
        var found = new List<string>();
        foreach (var process in Process.GetProcesses())
        {
            using (process)
            {
                var command = ReadOrEmpty($"/proc/{process.Id}/cmdline") + ReadOrEmpty($"/proc/{process.Id}/environ");
                if (command.Contains(folder, StringComparison.Ordinal)) found.Add(command);
            }
        }

        return found;
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // It has ended, or is somebody else's.
        }
    }
}
