using System.Buffers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Berth.Transport;

/// <summary>
/// HTTP/2 beside HTTP/1.1 on one port without TLS (RFC 9113, 3.3). Kestrel only chooses between them by TLS
/// negotiation, so without TLS this looks at a connection's first bytes: HTTP/2 always begins with <c>PRI *
/// HTTP/2.0</c>. Such a connection is then marked as if it had negotiated h2.
/// </summary>
internal static class PriorKnowledge
{
    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0"u8;

    public static void UsePriorKnowledge(this ListenOptions listen)
    {
        // Kestrel takes a marked connection for https, while its requests correctly say http.
        listen.KestrelServerOptions.AllowAlternateSchemes = true;
        var timeout = listen.KestrelServerOptions.Limits.RequestHeadersTimeout;
        listen.Use(next => async connection =>
        {
            if (await IsHttp2Async(connection, timeout) is not { } isHttp2) return;
            if (isHttp2)
            {
                var agreed = new AgreedOnHttp2();
                connection.Features.Set<ITlsConnectionFeature>(agreed);
                connection.Features.Set<ITlsApplicationProtocolFeature>(agreed);
            }

            await next(connection);
        });
    }

    /// <summary>Peeks at the first bytes. Null: the client went away or is too slow.</summary>
    private static async Task<bool?> IsHttp2Async(ConnectionContext connection, TimeSpan timeout)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(timeout);
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(limit.Token);
                var isHttp2 = StartsWithPreface(read.Buffer);
                if (isHttp2 is null && read.IsCompleted) return null;

                // Bytes marked as examined would not be given to Kestrel until more arrive.
                input.AdvanceTo(read.Buffer.Start, isHttp2 is null ? read.Buffer.End : read.Buffer.Start);
                if (isHttp2 is not null) return isHttp2;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return null;
        }
    }

    /// <summary>Null while it is undecided.</summary>
    private static bool? StartsWithPreface(ReadOnlySequence<byte> received)
    {
        Span<byte> first = stackalloc byte[14];
        first = first[..(int)Math.Min(first.Length, received.Length)];
        received.Slice(0, first.Length).CopyTo(first);
        if (!Preface.StartsWith(first)) return false;
        return first.Length == Preface.Length ? true : null;
    }

    private sealed class AgreedOnHttp2 : ITlsConnectionFeature, ITlsApplicationProtocolFeature
    {
        public X509Certificate2? ClientCertificate { get; set; }

        public ReadOnlyMemory<byte> ApplicationProtocol => SslApplicationProtocol.Http2.Protocol;

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) =>
            Task.FromResult(ClientCertificate);
    }
}
