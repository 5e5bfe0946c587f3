using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Audit;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Audit;

/// <summary>The log of who did what.</summary>
[Accounts]
[Inside]
public sealed class AuditTests
{
    private const string Image =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_done_and_what_was_denied_is_noted_with_who_and_from_where()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            Audit = new AuditSettings { Pulls = true },
            Storage = s.Storage with { Delete = new DeleteSettings { Enabled = true } },
        });
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var (id, secret) = await accounts.AddTokenAsync(ann);
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["secret"] = Basic("ann", secret),
            ["wrong"] = Basic("ann", "mistyped"),
            ["image"] = Image,
        };
        await script.PlayAsync(
            """
            PUT /v2/ann/app/manifests/1
              Authorization: {secret}
              User-Agent: test/1
              Content-Type: application/vnd.oci.image.index.v1+json
              > {image}
              201
            GET /v2/ann/app/manifests/1
              Authorization: {ann}
              200
            DELETE /v2/ann/app/manifests/1
              Authorization: {ann}
              202
            POST /v2/team/app/blobs/uploads/
              Authorization: {ann}
              403
            GET /v2/team/app/tags/list
              Authorization: {ann}
              404
            GET /v2/
              Authorization: {wrong}
              401
            GET /v2/
              Authorization: {wrong}
              401
            GET /token?client_id=docker
              Authorization: {ann}
              200
            """);
        var entries = await WrittenAsync(registry);
        Assert.Equal(
            [
                "sign-in done ann  ", "push done ann ann/app 1", "sign-in done ann  ", "pull done ann ann/app 1",
                "delete done ann ann/app 1", "push denied ann team/app ", "sign-in denied ann  ", "sign-in done ann  ",
            ],
            entries.Select(e => $"{e.Action} {e.Result} {e.Actor} {e.Repository} {e.Target}"));
        var push = entries[1];
        Assert.Equal(("secret", id, "127.0.0.1", "test/1"), (push.Method, push.SecretId, push.Address, push.Agent));
        Assert.Equal(script.Filled("{sha256 image}"), push.Digest);
        Assert.False(string.IsNullOrEmpty(push.RequestId));
        Assert.InRange(TimeProvider.System.GetUtcNow() - push.At, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.Equal("docker", entries[^1].Detail);
        Assert.DoesNotContain(entries, e => $"{e}".Contains(secret) || $"{e}".Contains("green gables"));
    }

    [Fact]
    public async Task Entries_are_found_by_who_where_what_and_when()
    {
        // The job that deletes old entries runs at the start, and these are old.
        await using var registry = await StartAsync(settings: s => s with
        {
            Audit = new AuditSettings { Keep = TimeSpan.FromDays(36500) },
        });
        var database = registry.Services.GetRequiredService<Database>();
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        await database.WriteAsync(
            async session =>
            {
                await AuditTable.AddAsync(session, Enumerable.Range(0, 100).Select(n => new AuditEntry(
                    start.AddHours(n), n % 2 == 0 ? "push" : "delete", n % 10 == 0 ? "denied" : "done",
                    n % 3 == 0 ? "ann" : "bob", "password")
                {
                    Repository = $"team/app{n % 4}",
                }));
                return true;
            },
            isDurable: true, Stop);
        Assert.Equal(34, (await FindAsync(new AuditFilter(Actor: "ann"))).Count);
        Assert.Equal(25, (await FindAsync(new AuditFilter(Repository: "team/app3"))).Count);
        Assert.Equal(17, (await FindAsync(new AuditFilter(Actor: "ann", Action: "push"))).Count);
        Assert.Equal(10, (await FindAsync(new AuditFilter(Result: "denied"))).Count);
        Assert.Equal(
            5, (await FindAsync(new AuditFilter(Since: start.AddHours(95), Until: start.AddHours(100)))).Count);
        Assert.Equal(
            [10, 9], (await FindAsync(new AuditFilter(Since: start.AddHours(9), Until: start.AddHours(11))))
                .Select(e => (int)(e.At - start).TotalHours));

        // Without the entries of this registry's own start.
        var old = new AuditFilter(Until: start.AddHours(100));
        var page = await FindAsync(old, count: 10);
        Assert.Equal(99, (int)(page[0].At - start).TotalHours);
        Assert.Equal(89, (int)((await FindAsync(old, page[^1].Id, 10))[0].At - start).TotalHours);

        // Half of them are older than what is kept.
        var clock = new SetClock();
        var keep = TimeSpan.FromDays(1);
        clock.Advance(start.AddHours(50) + keep - clock.GetUtcNow());
        await new TrimJob("trim-audit", database, keep, AuditTable.TrimAsync, clock).RunAsync("", Stop);
        Assert.Equal(50, (await FindAsync(old)).Count);

        async Task<List<AuditEntry>> FindAsync(AuditFilter filter, long? before = null, int count = 1000) =>
            await database.ReadAsync(session => AuditTable.ListAsync(session, filter, before, count), Stop);
    }

    [Fact]
    public async Task Entries_also_go_to_a_file_and_to_syslog_and_one_that_fails_keeps_none_from_the_others()
    {
        var folder = Directory.CreateTempSubdirectory("berth-audit-").FullName;
        var path = Path.Combine(folder, "audit.jsonl");
        using var udp = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)udp.Client.LocalEndPoint!).Port;
        await using (var registry = await StartAsync(settings: s => s with
        {
            Audit = new AuditSettings { File = path, Syslog = $"udp://127.0.0.1:{port}" },
        }))
        {
            await new Script(registry) { ["wrong"] = Basic("an\"n\n", "x") }.PlayAsync(
                "GET /token\n Authorization: {wrong}\n 401");
            await new Script(registry) { ["wrong"] = Basic("an\"n", "x") }.PlayAsync(
                "GET /token\n Authorization: {wrong}\n 401");
            var start = Encoding.UTF8.GetString((await udp.ReceiveAsync(Stop)).Buffer);
            Assert.Matches(@"^<109>1 \S+Z \S+ berth \d+ start - \{.*\}$", start);
            var made = Encoding.UTF8.GetString((await udp.ReceiveAsync(Stop)).Buffer);
            Assert.Matches(@"^<109>1 \S+Z \S+ berth \d+ register - \{.*""target"":""admin"".*\}$", made);
            var message = Encoding.UTF8.GetString((await udp.ReceiveAsync(Stop)).Buffer);
            Assert.Matches(@"^<108>1 \d{4}-\d\d-\d\dT\S+Z \S+ berth \d+ sign-in - \{.*\}$", message);
            var sent = JsonNode.Parse(message[message.IndexOf('{')..])!;
            Assert.Equal("an\"n", (string?)sent["actor"]);
        }

        var line = Assert.Single((await File.ReadAllLinesAsync(path, Stop))[2..]);
        Assert.Equal("denied", (string?)JsonNode.Parse(line)!["result"]);
        Assert.False(File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherRead));
        await using var failing = await StartAsync(settings: s => s with
        {
            Audit = new AuditSettings { File = Path.Combine(folder, "no", "such", "folder") },
        });
        await new Script(failing) { ["wrong"] = Basic("ann", "x") }.PlayAsync(
            "GET /token\n Authorization: {wrong}\n 401");
        Assert.Single(await WrittenAsync(failing));
        Assert.Contains(failing.Log, l => l.Contains("Audit entries could not be written", StringComparison.Ordinal));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_syslog_server_over_tcp_gets_each_message_with_its_length_after_a_lost_connection_too()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var sink = new AuditSyslog(new Uri($"tcp://{listener.LocalEndpoint}"));
        var entry = new AuditEntry(TimeProvider.System.GetUtcNow(), "push", "done", "ann", "password");
        for (var connection = 0; connection < 2; connection++)
        {
            await sink.WriteAsync([entry, entry], Stop);
            using var client = await listener.AcceptTcpClientAsync(Stop);
            var buffer = new byte[10_000];
            var length = await client.GetStream().ReadAtLeastAsync(buffer, 100, cancellationToken: Stop);
            var text = Encoding.UTF8.GetString(buffer, 0, length);
            var size = int.Parse(text[..text.IndexOf(' ')]);
            Assert.StartsWith("<109>1 ", text[(text.IndexOf(' ') + 1)..], StringComparison.Ordinal);
            Assert.Equal('}', text[text.IndexOf(' ') + size]);
            client.Client.LingerState = new LingerOption(true, 0);
            client.Close();
            await Eventually.TrueAsync(async () => await ThrowsAsync());
        }

        async Task<bool> ThrowsAsync()
        {
            try
            {
                await sink.WriteAsync([entry], Stop);
                return false;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                return true;
            }
        }
    }

    [Fact]
    public async Task Entries_that_come_faster_than_they_can_be_written_are_counted_and_not_kept_in_memory()
    {
        await using var registry = await StartAsync();
        using var log = new AuditLog(
            new AuditSettings { Waiting = 100 }, registry.Services.GetRequiredService<Database>(), [],
            TimeProvider.System, NullLogger<AuditLog>.Instance);
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        for (var i = 0; i < 1000; i++) log.NoteFailedSignIn(http, new string('x', 10_000), "test");
        await log.WriteWaitingAsync(Stop);
        var written = await WrittenAsync(registry);
        Assert.Equal(100, written.Count);
        Assert.All(written, entry => Assert.Equal(128, entry.Actor.Length));
    }

    /// <summary>PostgreSQL takes neither a NUL nor half a character.</summary>
    [Fact]
    public async Task What_clients_write_into_an_entry_keeps_no_other_out()
    {
        await using var registry = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.TryAddWithoutValidation("Authorization", Basic(new string('x', 127) + "\U0001F600", "wrong"));
        request.Headers.UserAgent.ParseAdd(new string('a', 255));
        using var first = await registry.Client.SendAsync(request, Stop);
        using var content = new StringContent(
            """{"name":"a\u0000b\u001b[2K\u202e","password":"wrong"}""", Encoding.UTF8, "application/json");
        using var second = await registry.Client.PostAsync("auth/password", content, Stop);
        using var log = new AuditLog(
            new AuditSettings(), registry.Services.GetRequiredService<Database>(), [], TimeProvider.System,
            NullLogger<AuditLog>.Instance);
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        http.Request.Headers.UserAgent = new string('a', 255) + "\U0001F600";
        log.Note(http, "test", isDone: true, entry => entry with { Detail = "a\0", Target = "\ud800" });
        log.NoteFailedSignIn(http, "\0", "\udc00");
        await log.WriteWaitingAsync(Stop);
        var entries = await WrittenAsync(registry);
        Assert.Equal(4, entries.Count);
        Assert.Contains(entries, entry => entry.Actor == "a?b?[2K?");
        Assert.Contains(entries, entry => entry is { Action: "test", Detail: "a?", Target: "\ufffd" });
    }

    private static async Task<List<AuditEntry>> WrittenAsync(RegistryFixture registry)
    {
        await registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
        var entries = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => AuditTable.ListAsync(session, new AuditFilter(), null, 1000), Stop);
        entries.Reverse();
        return entries.FindAll(
            entry => entry.Action != AuditTable.StartAction && entry is not { Action: "register", Actor: "berth" });
    }
}
