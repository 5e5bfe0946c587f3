using System.Net.Sockets;
using System.Text;
using Berth.Metadata;

namespace Berth.Audit;

/// <summary>A place outside the database to which entries also go, as they happen.</summary>
internal abstract class AuditSink : IDisposable
{
    /// <summary>For people: what fails if it fails.</summary>
    public abstract string Name { get; }

    /// <summary>Takes entries, in order. An exception: none of them may have arrived.</summary>
    public abstract Task WriteAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellation);

    public virtual void Dispose()
    {
    }
}

/// <summary>A file of JSON lines. It is opened for each batch, so that it can be rotated by renaming.</summary>
internal sealed class AuditFile(string path) : AuditSink
{
    public override string Name => path;

    public override async Task WriteAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellation)
    {
        var lines = new MemoryStream();
        foreach (var entry in entries)
        {
            lines.Write(AuditJson.Of(entry).Span);
            lines.WriteByte((byte)'\n');
        }

        var options = new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        };
        await using var file = new FileStream(path, options);
        await file.WriteAsync(lines.GetBuffer().AsMemory(0, (int)lines.Length), cancellation);
    }
}

/// <summary>
/// A syslog server, over UDP (RFC 5426) or TCP with octet counting (RFC 6587, section 3.4.1); messages as in RFC 5424,
/// with the entry's JSON as their text. Facility 13 is that of audit logs.
/// </summary>
internal sealed class AuditSyslog(Uri address) : AuditSink
{
    private const int FacilityOfAudits = 13;
    private const int Notice = 5;
    private const int Warning = 4;

    private readonly UdpClient? udp = address.Scheme == "udp" ? new UdpClient() : null;
    private TcpClient? tcp;

    public override string Name => address.ToString();

    public override async Task WriteAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellation)
    {
        if (udp is not null)
        {
            await SendAsync(udp, entries, cancellation);
            return;
        }

        try
        {
            if (tcp is null)
            {
                tcp = new TcpClient();
                await tcp.ConnectAsync(address.Host, address.Port, cancellation);
            }

            foreach (var message in entries.Select(MessageOf))
            {
                await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"{message.Length} "), cancellation);
                await tcp.GetStream().WriteAsync(message, cancellation);
            }
        }
        catch
        {
            tcp?.Dispose();
            tcp = null;
            throw;
        }
    }

    /// <summary>A datagram that can't be sent must not keep the others back.</summary>
    private async Task SendAsync(UdpClient to, IReadOnlyList<AuditEntry> entries, CancellationToken cancellation)
    {
        SocketException? failure = null;
        foreach (var entry in entries)
        {
            try
            {
                await to.SendAsync(MessageOf(entry), address.Host, address.Port, cancellation);
            }
            catch (SocketException e)
            {
                failure = e;
            }
        }

        if (failure is not null) throw failure;
    }

    public override void Dispose()
    {
        udp?.Dispose();
        tcp?.Dispose();
        base.Dispose();
    }

    private static byte[] MessageOf(AuditEntry entry)
    {
        var priority = (FacilityOfAudits * 8) + (entry.Result == "done" ? Notice : Warning);
        var time = entry.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'");
        var from = $"{Environment.MachineName} berth {Environment.ProcessId}";
        var head = $"<{priority}>1 {time} {from} {MessageIdOf(entry)} - ";
        return [.. Encoding.UTF8.GetBytes(head), .. AuditJson.Of(entry).Span];
    }

    /// <summary>A word of up to 32 characters (RFC 5424, section 6.2.7): of the API's actions, the method.</summary>
    private static string MessageIdOf(AuditEntry entry) => entry.Action.Split(' ')[0];
}
