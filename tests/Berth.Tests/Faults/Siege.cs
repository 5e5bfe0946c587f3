using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Berth.Disk;

namespace Berth.Tests.Faults;

/// <summary>What somebody without a password does to a Berth, from the same address as its good clients.</summary>
internal sealed partial class Siege(Uri address, IReadOnlyList<string> paths) : IDisposable
{
    private const int Openers = 4;

    private readonly ConcurrentQueue<Socket> held = new();
    private readonly CancellationTokenSource over = new();

    /// <summary>How many connections were opened.</summary>
    public int Opened { get; private set; }

    private static string PathOf(string method, string path, string headers) =>
        $"{method} {path} HTTP/1.1\r\nHost: siege\r\n{headers}\r\n";

    /// <summary>Begins, and returns once the most connections are held for the first time.</summary>
    public async Task BeginAsync(SiegeKind kind)
    {
        Descriptors.Raise();
        var (most, opening) = kind switch
        {
            SiegeKind.HalfHeaders => (4000, "GET /v2/ HTTP/1.1\r\nHost: siege\r\nX-Half: "),
            SiegeKind.IdleConnections => (1200, ""),
            SiegeKind.ReadersThatNeverRead => (600, ""),
            SiegeKind.ManifestsThatNobodyReads or SiegeKind.ReferrersThatNobodyReads => (300, ""),
            SiegeKind.CompressedHeaders => (60, ""),
            SiegeKind.BadChunks => (64, ""),
            SiegeKind.ManifestsThatNeverCome => (400, PathOf(
                "PUT", "/v2/siege/manifests/v1",
                "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 4194304\r\n")
                + new string(' ', 3000)),
            SiegeKind.WrongPasswords => (32, ""),
            SiegeKind.PipelinedRequests => (16, ""),
            _ => (1050, ""),
        };
        var filled = new TaskCompletionSource();
        for (var i = 0; i < Openers; i++) _ = Task.Run(() => OpenAsync(kind, opening, most, filled), over.Token);
        await filled.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        over.Cancel();
        while (held.TryDequeue(out var socket)) socket.Dispose();
        over.Dispose();
    }

    private async Task OpenAsync(SiegeKind kind, string opening, int most, TaskCompletionSource filled)
    {
        // Each new reader is sent what the sockets hold, which is much: many a second would be a flood of another kind.
        var pause = TimeSpan.FromMilliseconds(kind switch
        {
            SiegeKind.ReadersThatNeverRead or SiegeKind.SlowUploads or SiegeKind.CompressedHeaders => 40,
            SiegeKind.PipelinedRequests => 1000,
            _ => 2,
        });
        var stop = over.Token;
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            // The oldest goes, whether the server has closed it or not: there are always new ones.
            if (held.Count >= most)
            {
                filled.TrySetResult();
                if (held.TryDequeue(out var oldest)) oldest.Dispose();
                await Task.Delay(pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            held.Enqueue(socket);

            // Uploads are bounded for each address: a stranger has one of their own.
            if (kind is SiegeKind.SlowUploads) socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
            try
            {
                await socket.ConnectAsync(address.Host, address.Port, stop);
                Opened++;
                if (kind is SiegeKind.CompressedHeaders) await HeaderBomb.SendAsync(socket, paths[0], stop);
                if (IsReading(kind)) opening = PathOf("GET", paths[i % paths.Count], "");
                if (opening.Length > 0) await socket.SendAsync(Encoding.ASCII.GetBytes(opening), stop);
                if (kind is SiegeKind.BadChunks) _ = SendBadChunksAsync(socket, i, stop);
                if (kind is SiegeKind.WrongPasswords) _ = GuessAsync(socket, stop);
                if (kind is SiegeKind.PipelinedRequests) Pipeline(socket);
                if (kind is SiegeKind.SlowUploads) _ = DribbleAsync(socket, stop);
            }
            catch (Exception e) when (
                e is SocketException or OperationCanceledException or ObjectDisposedException or IOException)
            {
                // Closed by the server, or the siege is over.
            }
        }
    }

    private static bool IsReading(SiegeKind kind) => kind is SiegeKind.ReadersThatNeverRead
        or SiegeKind.ManifestsThatNobodyReads or SiegeKind.ReferrersThatNobodyReads;

    private static async Task SendBadChunksAsync(Socket socket, int number, CancellationToken stop)
    {
        string[] chunks =
            ["80000000\r\nx", "zz\r\n", "5\r\nabcdefgh", "5;" + new string('x', 9000), "FFFFFFFFFFFFFFFF\r\n"];
        var head = PathOf("PUT", "/v2/siege/manifests/v1",
            "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nTransfer-Encoding: chunked\r\n");
        await TalkAsync(socket, head + chunks[number % chunks.Length], stop);
    }

    private static async Task GuessAsync(Socket socket, CancellationToken stop)
    {
        var login = Convert.ToBase64String(Encoding.ASCII.GetBytes($"good:{Guid.NewGuid()}"));
        while (await TalkAsync(socket, PathOf("GET", "/v2/", $"Authorization: Basic {login}\r\n"), stop))
        {
        }
    }

    /// <summary>
    /// A thousand requests at a time on one connection, as fast as they are answered. On threads of their own, since
    /// the tests' pool is for the good client, and of the lowest priority, since an attacker has a processor of their
    /// own.
    /// </summary>
    private static void Pipeline(Socket socket)
    {
        var requests = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(PathOf("GET", "/v2/", ""), 1000)));
        var answers = new byte[1 << 20];
        StartThread(() => socket.Send(requests) > 0);
        StartThread(() => socket.Receive(answers) > 0);

        static void StartThread(Func<bool> step) => new Thread(() =>
        {
            _ = SetPriority(0, 0, 19);
            try
            {
                while (step())
                {
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Closed by the server, or the siege is over.
            }
        })
        { IsBackground = true }.Start();
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int thread, int nice);

    /// <summary>An upload at 300 bytes a second, just above what counts as none.</summary>
    private static async Task DribbleAsync(Socket socket, CancellationToken stop)
    {
        var digest = new string('0', 64);
        var head = PathOf("POST", $"/v2/siege/blobs/uploads/?digest=sha256:{digest}", "Content-Length: 10000000\r\n");
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(head), stop);
            for (var part = new byte[150]; !stop.IsCancellationRequested; await Task.Delay(500, stop))
            {
                await socket.SendAsync(part, stop);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Closed by the server, or the siege is over.
        }
    }

    private static async Task<bool> TalkAsync(Socket socket, string text, CancellationToken stop)
    {
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(text), stop);
            return await socket.ReceiveAsync(new byte[4096], stop) > 0;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }
}

/// <summary>The ways of a siege.</summary>
public enum SiegeKind
{
    HalfHeaders,
    IdleConnections,
    BadChunks,
    ReadersThatNeverRead,
    ManifestsThatNeverCome,
    WrongPasswords,
    SlowUploads,
    ManifestsThatNobodyReads,
    ReferrersThatNobodyReads,
    CompressedHeaders,
    PipelinedRequests,
}
