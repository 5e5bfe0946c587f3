using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Berth.Blobs;

/// <summary>Memory that begins at a page's boundary and does not move. Kept for reuse, up to a bound.</summary>
internal sealed class PageBuffer
{
    public const int Bytes = 512 * 1024;

    /// <summary>A multiple of every disk's block.</summary>
    public const int PageBytes = 4096;

    /// <summary>Idle buffers above this number, 16 MiB, are left to the garbage collector.</summary>
    private const int MaxIdle = 32;

    private static readonly ConcurrentBag<PageBuffer> Idle = [];

    private PageBuffer()
    {
        var array = GC.AllocateUninitializedArray<byte>(Bytes + PageBytes, pinned: true);
        Memory = array.AsMemory(Misalignment(array), Bytes);
    }

    public Memory<byte> Memory { get; }

    public static PageBuffer Rent() => Idle.TryTake(out var buffer) ? buffer : new PageBuffer();

    public void Return()
    {
        if (Idle.Count < MaxIdle) Idle.Add(this);
    }

    private static unsafe int Misalignment(byte[] array) =>
        (int)(-(nint)Unsafe.AsPointer(ref array[0]) & (PageBytes - 1));
}
