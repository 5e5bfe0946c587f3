using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>
/// Appends to a file, bypassing the kernel's page cache (O_DIRECT): a layer that is synced anyway need not be copied
/// into the cache page by page first, which costs more than hashing. There are two buffers: the receiving thread fills
/// one while two others hash and write the other. The kernel only accepts whole pages at page-aligned positions;
/// unaligned bytes at either end are written the ordinary way.
/// </summary>
internal sealed partial class DirectWriter : IAsyncDisposable
{
    private const int GetFlags = 3;
    private const int SetFlags = 4;
    private const int InvalidArgument = 22;

    private readonly SafeFileHandle ordinary;
    private readonly SafeFileHandle direct;
    private readonly Action<ReadOnlyMemory<byte>> hash;
    private PageBuffer filling = PageBuffer.Rent();
    private PageBuffer leaving = PageBuffer.Rent();
    private Task storing = Task.CompletedTask;
    private long position;
    private int filled;
    private bool isRefused;

    /// <param name="ordinary">The file, opened the ordinary way; the caller closes it.</param>
    /// <param name="direct">The same file, opened for direct writes.</param>
    /// <param name="position">Where to continue, in bytes.</param>
    /// <param name="hash">Receives all bytes in order, a part at a time.</param>
    internal DirectWriter(
        SafeFileHandle ordinary, SafeFileHandle direct, long position, Action<ReadOnlyMemory<byte>> hash)
    {
        (this.ordinary, this.direct, this.position, this.hash) = (ordinary, direct, position, hash);
        Written = position;
    }

    /// <summary>How far the file is written, in bytes.</summary>
    public long Written { get; private set; }

    /// <summary>O_DIRECT; 0 if unknown for this architecture.</summary>
    private static int DirectFlag => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 0x4000,
        Architecture.Arm64 => 0x10000,
        _ => 0,
    };

    /// <summary>Null if the system or the file system does not support it.</summary>
    /// <param name="file">The same file, opened the ordinary way.</param>
    /// <param name="path">The file's path.</param>
    /// <param name="position">Where to continue, in bytes.</param>
    /// <param name="hash">Receives all bytes in order, a part at a time.</param>
    public static DirectWriter? TryOpen(
        SafeFileHandle file, string path, long position, Action<ReadOnlyMemory<byte>> hash)
    {
        if (!OperatingSystem.IsLinux() || DirectFlag == 0) return null;
        var direct = File.OpenHandle(
            path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var flags = Control(direct, GetFlags, 0);
        if (flags >= 0 && Control(direct, SetFlags, flags | DirectFlag) == 0)
        {
            return new DirectWriter(file, direct, position, hash);
        }

        direct.Dispose();
        return null;
    }

    /// <summary>Takes a copy of the bytes. They may reach the hash and the file later.</summary>
    /// <exception cref="IOException">These or earlier bytes could not be written.</exception>
    public async ValueTask AppendAsync(ReadOnlySequence<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            // A first buffer that starts unaligned ends on a page boundary.
            var capacity = filling.Memory.Length - (int)(position % PageBuffer.PageBytes);
            var part = bytes.Slice(0, Math.Min(capacity - filled, bytes.Length));
            part.CopyTo(filling.Memory.Span[filled..]);
            filled += (int)part.Length;
            bytes = bytes.Slice(part.Length);
            if (filled == capacity) await TurnAsync();
        }
    }

    /// <summary>Returns once everything is hashed and in the file, where a later process can find it.</summary>
    /// <exception cref="IOException">Something could not be written.</exception>
    public async ValueTask DrainAsync()
    {
        if (filled > 0) await TurnAsync();
        await storing;
    }

    /// <summary>Call only after the last call has completed. What was not drained is lost.</summary>
    public async ValueTask DisposeAsync()
    {
        // Afterwards another upload gets the buffer.
        await storing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        direct.Dispose();
        filling.Return();
        leaving.Return();
    }

    private async ValueTask TurnAsync()
    {
        await storing;
        (filling, leaving) = (leaving, filling);
        var (bytes, start) = (leaving.Memory[..filled], position);
        storing = Task.WhenAll(Task.Run(() => Write(bytes.Span, start)), Task.Run(() => hash(bytes)));
        position += filled;
        filled = 0;
    }

    private void Write(ReadOnlySpan<byte> bytes, long start)
    {
        var whole = isRefused || start % PageBuffer.PageBytes != 0 ? 0 : bytes.Length & ~(PageBuffer.PageBytes - 1);
        if (!TryWriteDirectly(bytes[..whole], start)) whole = 0;
        RandomAccess.Write(ordinary, bytes[whole..], start + whole);
        Written = start + bytes.Length;
    }

    /// <summary>Some file systems accept the flag but refuse the write.</summary>
    private bool TryWriteDirectly(ReadOnlySpan<byte> bytes, long start)
    {
        try
        {
            RandomAccess.Write(direct, bytes, start);
            return true;
        }
        catch (IOException e) when (e.HResult == InvalidArgument)
        {
            return !(isRefused = true);
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, int command, int argument);
}
