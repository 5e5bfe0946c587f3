using System.Diagnostics;
using System.Net;
using System.Text;
using Amazon.S3;
using Amazon.S3.Model;
using Npgsql;

namespace Berth.Tests.Servers;

/// <summary>That the proxy changes nothing by itself, and does what a test asks of it.</summary>
public sealed class FaultProxyTests
{
    private const int PartBytes = 5 * 1024 * 1024;

    [Fact]
    public async Task A_store_is_the_same_through_the_proxy()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = S3Server.CreateClient(proxy.Address);
        var part = new byte[PartBytes];
        part.AsSpan().Fill(7);

        // In signed chunks, after the store has asked for the body.
        await PutAsync(client, bucket, "a +ä/b", "hello");
        var upload = await client.InitiateMultipartUploadAsync(bucket.Name, "big", Cancellation);
        var first = await client.UploadPartAsync(Part(1), Cancellation);
        var second = await client.UploadPartAsync(Part(2), Cancellation);
        await client.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest
            {
                BucketName = bucket.Name,
                Key = "big",
                UploadId = upload.UploadId,
                PartETags = [new PartETag(1, first.ETag), new PartETag(2, second.ETag)],
            },
            Cancellation);

        Assert.Equal("hello", await GetAsync(client, bucket, "a +ä/b"));
        Assert.Equal(2 * PartBytes, (await GetAsync(client, bucket, "big")).Length);
        Assert.Equal(
            2 * PartBytes, (await client.GetObjectMetadataAsync(bucket.Name, "big", Cancellation)).ContentLength);
        Assert.Equal(["a +ä/b", "big"], await bucket.KeysAsync());

        UploadPartRequest Part(int number) => new()
        {
            BucketName = bucket.Name,
            Key = "big",
            UploadId = upload.UploadId,
            PartNumber = number,
            InputStream = new MemoryStream(part),
        };
    }

    [Fact]
    public async Task The_proxy_answers_as_a_store_that_is_too_busy()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = S3Server.CreateClient(proxy.Address);
        using var once = proxy.Inject(new Fault.Answer(503), count: 1);
        await PutAsync(client, bucket, "a", "the client tries again");
        Assert.Equal(1, once.Hits);

        using var puts = proxy.Inject(
            new Fault.Answer(503), requests: line => line.StartsWith("PUT ", StringComparison.Ordinal));
        var refusal = await Assert.ThrowsAsync<AmazonS3Exception>(() => PutAsync(client, bucket, "b", "never"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "SlowDown"), (refusal.StatusCode, refusal.ErrorCode));
        Assert.Equal("the client tries again", await GetAsync(client, bucket, "a"));
        Assert.Equal(["a"], await bucket.KeysAsync());
    }

    [Fact]
    public async Task The_proxy_strikes_every_third_request()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = new HttpClient { BaseAddress = proxy.Address };
        using var series = proxy.Inject(new Fault.Answer(500), every: 3);
        var statuses = new List<int>();
        for (var i = 0; i < 7; i++)
        {
            using var answer = await client.GetAsync(new Uri("/", UriKind.Relative), Cancellation);
            statuses.Add((int)answer.StatusCode);
        }

        Assert.Equal([200, 200, 500, 200, 200, 500, 200], statuses);
    }

    [Fact]
    public async Task A_request_is_lost_before_or_after_the_server_carries_it_out()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = S3Server.CreateClient(proxy.Address);
        using (proxy.Inject(new Fault.Drop()))
            await Assert.ThrowsAnyAsync<Exception>(() => PutAsync(client, bucket, "lost", "x"));
        Assert.Empty(await bucket.KeysAsync());
        using (proxy.Inject(new Fault.DropAnswer()))
            await Assert.ThrowsAnyAsync<Exception>(() => PutAsync(client, bucket, "unanswered", "x"));
        Assert.Equal(["unanswered"], await bucket.KeysAsync());
    }

    [Fact]
    public async Task An_answer_is_cut_short()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = S3Server.CreateClient(proxy.Address);
        await PutAsync(client, bucket, "a", new string('x', 1_000_000));
        using (proxy.Inject(new Fault.Truncate(300_000)))
        {
            using var answer = await client.GetObjectAsync(bucket.Name, "a", Cancellation);
            Assert.Equal(1_000_000, answer.ContentLength);
            var (count, buffer) = (0, new byte[16384]);
            await Assert.ThrowsAnyAsync<IOException>(async () =>
            {
                while (await answer.ResponseStream.ReadAsync(buffer, Cancellation) is > 0 and var read) count += read;
                throw new UnreachableException();
            });
            Assert.Equal(300_000, count);
        }

        Assert.Equal(1_000_000, (await GetAsync(client, bucket, "a")).Length);
    }

    [Fact]
    public async Task Waits_and_delays_take_time()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using var client = S3Server.CreateClient(proxy.Address);
        var pause = TimeSpan.FromMilliseconds(300);
        using (proxy.Inject(new Fault.Wait(pause), count: 1)) Assert.True(await TimeOfAsync() >= pause);
        proxy.Delay = pause / 2;
        Assert.True(await TimeOfAsync() >= pause);
        proxy.Delay = TimeSpan.Zero;

        async Task<TimeSpan> TimeOfAsync()
        {
            var taken = Stopwatch.StartNew();
            await PutAsync(client, bucket, "a", "x");
            return taken.Elapsed;
        }
    }

    [Fact]
    public async Task A_black_hole_holds_a_query_until_it_closes()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var proxy = FaultProxy.Start(PostgresServer.Host, database.Server.Port);
        await using var connection = await OpenAsync(database, proxy);
        proxy.IsBlackHole = true;
        var query = AskAsync(connection, "SELECT 1");
        await Assert.ThrowsAsync<TimeoutException>(() => query.WaitAsync(TimeSpan.FromSeconds(1), Cancellation));
        proxy.IsBlackHole = false;
        Assert.Equal(1, await query);
    }

    [Fact]
    public async Task Connections_to_a_database_break_and_new_ones_are_refused()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var proxy = FaultProxy.Start(PostgresServer.Host, database.Server.Port);
        await using var connection = await OpenAsync(database, proxy);
        Assert.Equal(1, proxy.Connections);
        proxy.BreakConnections();
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => AskAsync(connection, "SELECT 1"));
        using (proxy.Inject(new Fault.Drop()))
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => OpenAsync(database, proxy));
        using (proxy.Inject(new Fault.Truncate(100)))
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => OpenAsync(database, proxy));
        await using var again = await OpenAsync(database, proxy);
        Assert.Equal(1, await AskAsync(again, "SELECT 1"));
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_of_a_body_leaves_the_server_too()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        await using var proxy = FaultProxy.StartHttp(bucket.Server.Endpoint);
        using (var connection = await RawConnection.OpenAsync(proxy.Address))
        {
            await connection.SendAsync("PUT /x/y HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
            await connection.SendAsync(Encoding.Latin1.GetString(new byte[10]));
            await Task.Delay(100, Cancellation);
            Assert.Equal(1, proxy.Connections);
            connection.Reset();
        }

        for (var i = 0; i < 100 && proxy.Connections > 0; i++) await Task.Delay(50, Cancellation);
        Assert.Equal(0, proxy.Connections);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Task<PutObjectResponse> PutAsync(
        AmazonS3Client client, S3Bucket bucket, string key, string content) =>
        client.PutObjectAsync(
            new PutObjectRequest { BucketName = bucket.Name, Key = key, ContentBody = content }, Cancellation);

    private static async Task<string> GetAsync(AmazonS3Client client, S3Bucket bucket, string key)
    {
        using var answer = await client.GetObjectAsync(bucket.Name, key, Cancellation);
        using var reader = new StreamReader(answer.ResponseStream);
        return await reader.ReadToEndAsync(Cancellation);
    }

    private static async Task<NpgsqlConnection> OpenAsync(PostgresDatabase database, FaultProxy proxy)
    {
        var through = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Port = proxy.Port };
        var connection = new NpgsqlConnection(through.ConnectionString);
        await connection.OpenAsync(Cancellation);
        return connection;
    }

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
