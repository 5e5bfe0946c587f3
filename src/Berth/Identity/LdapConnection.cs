using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// A connection to a directory, which does one thing after the other (RFC 4511). All its waits end with the
/// cancellation, whatever the server does. It follows no referrals.
/// </summary>
internal sealed class LdapConnection : IAsyncDisposable
{
    /// <summary>More than any entry: a group of 10,000 with long names, or a user in as many groups.</summary>
    private const int MaxMessageBytes = 4 << 20;

    /// <summary>Seven bytes fit into the system's buffer, unless the server has stopped reading.</summary>
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromMilliseconds(100);

    private Stream stream;
    private byte[] buffer = new byte[8 * 1024];
    private int filled;
    private int lastId;

    private LdapConnection(Stream stream) => this.stream = stream;

    /// <summary>Connects, with TLS if the settings say so.</summary>
    /// <exception cref="SocketException">There is no connection.</exception>
    /// <exception cref="IOException">It broke.</exception>
    /// <exception cref="System.Security.Authentication.AuthenticationException">
    /// The server's certificate is not trusted, or is another server's.
    /// </exception>
    /// <exception cref="LdapException">The server does not turn on TLS.</exception>
    public static async Task<LdapConnection> OpenAsync(
        LdapAddress server, LdapSettings settings, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(server.Host, server.Port, cancellation);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var connection = new LdapConnection(new NetworkStream(socket, ownsSocket: true));
        try
        {
            if (settings.StartTls) await connection.RequestTlsAsync(cancellation);
            if (settings.StartTls || server.IsTls)
                await connection.StartTlsAsync(server.Host, settings.Ca, cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Signs in with a name and a password, or as nobody with neither.</summary>
    public async Task<LdapResult> BindAsync(string dn, string password, CancellationToken cancellation)
    {
        // A name without a password succeeds as nobody (RFC 4513, section 5.1.2), which looks like a right password.
        if (dn.Length == 0 != (password.Length == 0))
            throw new ArgumentException("A name needs a password.", nameof(password));
        var answer = await AskAsync(id => LdapMessage.WriteBind(id, dn, password), cancellation);
        return Expect(answer, LdapMessage.BindResponse).ReadResult();
    }

    /// <summary>What a search finds, over all pages.</summary>
    /// <param name="search">What is searched for.</param>
    /// <param name="most">No further page is asked for once there are more entries.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="LdapException">The server refuses the search.</exception>
    public async Task<(LdapResult Result, List<LdapEntry> Entries)> SearchAsync(
        LdapSearch search, int most, CancellationToken cancellation)
    {
        var entries = new List<LdapEntry>();
        byte[] cookie = [];
        while (true)
        {
            var page = cookie;
            var message = await AskAsync(id => LdapMessage.WriteSearch(id, search, page), cancellation);
            while (message.Kind is LdapMessage.SearchEntry or LdapMessage.SearchReference)
            {
                if (message.Kind == LdapMessage.SearchEntry && entries.Count <= most) entries.Add(message.ReadEntry());
                message = await ReadAsync(cancellation);
            }

            var result = Expect(message, LdapMessage.SearchDone).ReadResult();
            cookie = message.ReadCookie();
            if (result.Code != LdapResult.Success || cookie.Length == 0 || entries.Count > most)
                return (result, entries);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // A farewell, so that the server logs no broken connection.
        using var soon = new CancellationTokenSource(FarewellLimit);
        try
        {
            await stream.WriteAsync(LdapMessage.WriteUnbind(++lastId), soon.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException
            or NotSupportedException)
        {
            // It is broken already.
        }

        await stream.DisposeAsync();
    }

    private async Task RequestTlsAsync(CancellationToken cancellation)
    {
        var answer = await AskAsync(LdapMessage.WriteStartTls, cancellation);
        var result = Expect(answer, LdapMessage.ExtendedResponse).ReadResult();
        if (result.Code != LdapResult.Success) throw new LdapException($"it does not turn on TLS: {result}");

        // What came without TLS must not be taken for what the server says with it.
        if (filled > 0) throw new LdapException("it sent more before TLS began");
    }

    private async Task StartTlsAsync(string host, string? ca, CancellationToken cancellation)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = host };
        if (ca is not null)
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(ca);
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
            options.CertificateChainPolicy.ExtraStore.AddRange(authorities);
        }

        var secure = new SslStream(stream);
        stream = secure;
        await secure.AuthenticateAsClientAsync(options, cancellation);
    }

    private async Task<LdapMessage> AskAsync(Func<int, byte[]> request, CancellationToken cancellation)
    {
        await stream.WriteAsync(request(++lastId), cancellation);
        return await ReadAsync(cancellation);
    }

    private static LdapMessage Expect(LdapMessage message, int kind) => message.Kind == kind
        ? message
        : throw new LdapException($"it answered with operation {message.Kind} instead of {kind}");

    private async ValueTask<LdapMessage> ReadAsync(CancellationToken cancellation)
    {
        int length;
        while ((length = LengthOfMessage()) < 0 || filled < length)
        {
            if (length > MaxMessageBytes)
                throw new LdapException($"it sent a message of {length} bytes; {MaxMessageBytes} are allowed");
            if (Math.Max(length, filled + 1) > buffer.Length)
                Array.Resize(ref buffer, Math.Max(length, 2 * buffer.Length));
            var count = await stream.ReadAsync(buffer.AsMemory(filled), cancellation);
            if (count == 0) throw new LdapException("it closed the connection");
            filled += count;
        }

        // A copy, since the entries that are read from it hold on to nothing but their own values.
        var message = LdapMessage.Read(buffer.AsMemory(0, length).ToArray());
        buffer.AsSpan(length, filled - length).CopyTo(buffer);
        filled -= length;
        if (message.Id == lastId) return message;
        if (message.Id != 0) throw new LdapException("it answered a request that was not sent");

        // The only one is the notice of disconnection (RFC 4511, section 4.4.1).
        var notice = Expect(message, LdapMessage.ExtendedResponse).ReadResult();
        throw new LdapException($"it ends the connection: {notice}");
    }

    /// <summary>The bytes of the message that the buffer begins with; -1 while that can't be told.</summary>
    private int LengthOfMessage()
    {
        if (filled < 2) return -1;
        if (buffer[0] != 0x30) throw new LdapException("it does not speak LDAP");
        if (buffer[1] < 0x80) return 2 + buffer[1];
        var lengthBytes = buffer[1] & 0x7F;
        if (lengthBytes is 0 or > 4) throw new LdapException("it does not speak LDAP");
        if (filled < 2 + lengthBytes) return -1;
        Span<byte> number = stackalloc byte[4];
        number.Clear();
        buffer.AsSpan(2, lengthBytes).CopyTo(number[(4 - lengthBytes)..]);
        var length = BinaryPrimitives.ReadUInt32BigEndian(number);
        return length > int.MaxValue - 8 ? int.MaxValue : (int)length + 2 + lengthBytes;
    }
}
