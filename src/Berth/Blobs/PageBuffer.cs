using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Berth.Blobs;

/// <summary>
/// Pinned, page-aligned memory. The first uploads get large buffers, which disks write fastest; further concurrent ones
/// get small ones, so that memory stays bounded.
/// </summary>
internal sealed class PageBuffer
{
    /// <summary>A multiple of every disk's block size.</summary>
    public const int PageBytes = 4096;

    /// <summary>At most 32 MiB of them are in use at once.</summary>
    private static readonly Shelf Large = new(2 * 1024 * 1024, maxInUse: 16);

    private static readonly Shelf Small = new(512 * 1024, maxInUse: int.MaxValue);

    private readonly Shelf shelf;

    private PageBuffer(Shelf shelf)
    {
        this.shelf = shelf;
        var array = GC.AllocateUninitializedArray<byte>(shelf.BufferBytes + PageBytes, pinned: true);
        Memory = array.AsMemory(Misalignment(array), shelf.BufferBytes);
    }

    public Memory<byte> Memory { get; }

    public static PageBuffer Rent() => Large.TryTake() ?? Small.TryTake()!;

    public void Return() => shelf.Put(this);

    private static unsafe int Misalignment(byte[] array) =>
        (int)(-(nint)Unsafe.AsPointer(ref array[0]) & (PageBytes - 1));

    /// <summary>
    /// Hands out a limited number of buffers of one size and keeps idle ones for reuse; those above a bound are left to
    /// the garbage collector.
    /// </summary>
    private sealed class Shelf(int bufferBytes, int maxInUse)
    {
        private const int MaxIdleBytes = 16 * 1024 * 1024;

        private readonly ConcurrentBag<PageBuffer> idle = [];
        private int inUse;

        public int BufferBytes => bufferBytes;

        /// <summary>Null if the maximum is in use.</summary>
        public PageBuffer? TryTake()
        {
            if (Interlocked.Increment(ref inUse) <= maxInUse)
            {
                return idle.TryTake(out var buffer) ? buffer : new PageBuffer(this);
            }

            Interlocked.Decrement(ref inUse);
            return null;
        }

        public void Put(PageBuffer buffer)
        {
            Interlocked.Decrement(ref inUse);
            if (idle.Count < MaxIdleBytes / bufferBytes) idle.Add(buffer);
        }
    }
}
