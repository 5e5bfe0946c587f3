using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>
/// Appends to a file past the kernel's page cache (O_DIRECT): a layer that is synced anyway is then not copied into
/// memory page by page first, which costs more than the hash. Of two buffers one is filled by the thread that
/// receives, while two others hash and write what is in the other one. The kernel takes only whole pages at whole
/// pages' positions; what a file begins or ends with beside them goes the ordinary way.
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
    /// <param name="position">Where to go on, in bytes.</param>
    /// <param name="hash">Gets all bytes in their order, a part at a time.</param>
    internal DirectWriter(
        SafeFileHandle ordinary, SafeFileHandle direct, long position, Action<ReadOnlyMemory<byte>> hash)
    {
        (this.ordinary, this.direct, this.position, this.hash) = (ordinary, direct, position, hash);
        Written = position;
    }

    /// <summary>The end of what is in the file, in bytes.</summary>
    public long Written { get; private set; }

    /// <summary>O_DIRECT, where it is known.</summary>
    private static int DirectFlag => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 0x4000,
        Architecture.Arm64 => 0x10000,
        _ => 0,
    };

    /// <summary>Null where the system or the file system knows no such way.</summary>
    /// <param name="file">The same file, opened the ordinary way.</param>
    /// <param name="path">The file's path.</param>
    /// <param name="position">Where to go on, in bytes.</param>
    /// <param name="hash">Gets all bytes in their order, a part at a time.</param>
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
            // A first buffer that begins beside a page ends at one.
            var capacity = filling.Memory.Length - (int)(position % PageBuffer.PageBytes);
            var part = bytes.Slice(0, Math.Min(capacity - filled, bytes.Length));
            part.CopyTo(filling.Memory.Span[filled..]);
            filled += (int)part.Length;
            bytes = bytes.Slice(part.Length);
            if (filled == capacity) await TurnAsync();
        }
    }

    /// <summary>
    /// Returns once everything is hashed, and in the file, where a process after this one finds it.
    /// </summary>
    /// <exception cref="IOException">Something could not be written.</exception>
    public async ValueTask DrainAsync()
    {
        if (filled > 0) await TurnAsync();
        await storing;
    }

    /// <summary>Must follow upon the end of the last call. What was not drained is lost.</summary>
    public async ValueTask DisposeAsync()
    {
        // The buffer is another upload's afterwards.
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

    /// <summary>Some file systems take the flag and refuse the write.</summary>
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
