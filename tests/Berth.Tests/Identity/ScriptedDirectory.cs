using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.Tests.Identity;

/// <summary>A server on loopback that answers whatever it hears with the next of given bytes, then hangs.</summary>
internal sealed class ScriptedDirectory : IAsyncDisposable
{
    /// <summary>The answer to the first request of a sign-in.</summary>
    public const string BindSucceeds = "300c02010161070a010004000400";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ending = new();
    private readonly Task serving;
    private readonly byte[][] answers;
    private readonly ConcurrentQueue<byte[]> requests = new();
    private int connections;

    public ScriptedDirectory(params string[] answers)
    {
        this.answers = [.. answers.Select(Convert.FromHexString)];
        listener.Start();
        serving = AcceptAsync();
    }

    /// <summary>How long it waits before each byte.</summary>
    public TimeSpan Pause { get; init; }

    public string Url => $"ldap://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    public string TlsUrl => Url.Replace("ldap:", "ldaps:", StringComparison.Ordinal);

    /// <summary>Whether it heard these bytes, in one request.</summary>
    public bool Heard(string text) =>
        requests.Any(request => request.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0);

    /// <summary>How many connections there were.</summary>
    public int Connections => Volatile.Read(ref connections);

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await serving;
        listener.Dispose();
        ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync(ending.Token);
                Interlocked.Increment(ref connections);
                serving.Add(AnswerAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task AnswerAsync(Socket client)
    {
        using var open = client;
        var heard = new byte[16 * 1024];
        try
        {
            foreach (var answer in answers)
            {
                var count = await client.ReceiveAsync(heard, ending.Token);
                if (count == 0) return;
                requests.Enqueue(heard[..count]);
                if (Pause == TimeSpan.Zero)
                {
                    await client.SendAsync(answer, ending.Token);
                    continue;
                }

                foreach (var part in answer.Chunk(1))
                {
                    await Task.Delay(Pause, ending.Token);
                    await client.SendAsync(part, ending.Token);
                }
            }

            while (await client.ReceiveAsync(heard, ending.Token) is > 0 and var more) requests.Enqueue(heard[..more]);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // The end, or the client left.
        }
    }
}
