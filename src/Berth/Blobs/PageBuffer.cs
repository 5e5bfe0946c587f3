using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Berth.Blobs;

/// <summary>
/// Memory that begins at a page's boundary and does not move. The first uploads get large buffers, which a disk writes
/// fastest, and those beside them small ones, so that many uploads at once stay within bounds.
/// </summary>
internal sealed class PageBuffer
{
    /// <summary>A multiple of every disk's block.</summary>
    public const int PageBytes = 4096;

    /// <summary>Large buffers that are in use at once, 32 MiB.</summary>
    private const int MaxLarge = 16;

    private static readonly Shelf Large = new(2 * 1024 * 1024);
    private static readonly Shelf Small = new(512 * 1024);
    private static int largeInUse;

    private readonly Shelf shelf;

    private PageBuffer(Shelf shelf)
    {
        this.shelf = shelf;
        var array = GC.AllocateUninitializedArray<byte>(shelf.BufferBytes + PageBytes, pinned: true);
        Memory = array.AsMemory(Misalignment(array), shelf.BufferBytes);
    }

    public Memory<byte> Memory { get; }

    public static PageBuffer Rent()
    {
        if (Interlocked.Increment(ref largeInUse) <= MaxLarge) return Large.Take();
        Interlocked.Decrement(ref largeInUse);
        return Small.Take();
    }

    public void Return()
    {
        shelf.Put(this);
        if (shelf == Large) Interlocked.Decrement(ref largeInUse);
    }

    private static unsafe int Misalignment(byte[] array) =>
        (int)(-(nint)Unsafe.AsPointer(ref array[0]) & (PageBytes - 1));

    /// <summary>Idle buffers of one size, for reuse; those above a bound are left to the garbage collector.</summary>
    private sealed class Shelf(int bufferBytes)
    {
        private const int MaxIdleBytes = 16 * 1024 * 1024;

        private readonly ConcurrentBag<PageBuffer> idle = [];

        public int BufferBytes => bufferBytes;

        public PageBuffer Take() => idle.TryTake(out var buffer) ? buffer : new PageBuffer(this);

        public void Put(PageBuffer buffer)
        {
            if (idle.Count < MaxIdleBytes / bufferBytes) idle.Add(buffer);
        }
    }
}
