using System.Net;
using System.Text;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Berth.Transport;

/// <summary>
/// Tells a client that speaks plain HTTP to a TLS port what is wrong, and logs it. TLS begins with byte 22 (RFC 8446,
/// 5.1), a request with a letter. Without this, the connection would just break.
/// </summary>
internal static partial class PlainOnTls
{
    private const string Advice = "This port speaks HTTPS: use an address with https://\n";

    private static readonly byte[] Answer = Encoding.ASCII.GetBytes(
        $"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {Advice.Length}\r\n"
        + $"Connection: close\r\n\r\n{Advice}");

    public static void RefusePlainHttp(this ListenOptions listen)
    {
        var log = listen.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(PlainOnTls));
        var timeout = listen.KestrelServerOptions.Limits.RequestHeadersTimeout;
        listen.Use(next => async connection =>
        {
            if (await IsPlainAsync(connection, timeout) is not { } isPlain) return;
            if (!isPlain)
            {
                await next(connection);
                return;
            }

            var client = (connection.RemoteEndPoint as IPEndPoint)?.Address;
            LogPlain(log, ClientNetwork.Unmapped(client));
            await connection.Transport.Output.WriteAsync(Answer, connection.ConnectionClosed);
        });
    }

    /// <summary>Peeks at the first byte, and leaves it for TLS. Null: the client went away or is too slow.</summary>
    private static async Task<bool?> IsPlainAsync(ConnectionContext connection, TimeSpan timeout)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(timeout);
        var input = connection.Transport.Input;
        try
        {
            var read = await input.ReadAsync(limit.Token);
            if (read.Buffer.IsEmpty) return null;
            var isPlain = char.IsAsciiLetter((char)read.Buffer.FirstSpan[0]);

            // Consumes what arrived of a request: closing a connection with unread bytes would lose the response.
            input.AdvanceTo(isPlain ? read.Buffer.End : read.Buffer.Start);
            return isPlain;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Plain HTTP to the TLS port: client={Client}")]
    private static partial void LogPlain(ILogger log, IPAddress? client);
}
