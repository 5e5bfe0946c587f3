using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Berth.Transport;

/// <summary>
/// Memory for what the server receives and sends. Large blocks of 64 KiB carry a gigabyte of layer with a sixteenth of
/// the calls that Kestrel's 4 KiB need. Small ones are for connections without a request body so far, because thousands
/// of those may sit there with half a header each, and for everyone once all large ones are in use. Blocks are pinned
/// arrays. Those that stay idle are released.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int LargeBytes = 64 * 1024;
    private const int SmallBytes = 4 * 1024;

    /// <summary>32 MiB. Any further concurrent transfers run at the speed of small blocks.</summary>
    private const int MostLargeBlocks = 512;

    /// <summary>On a small machine large blocks take at most this fraction of its memory.</summary>
    private const int LargeShareOfMemory = 16;

    private static readonly TimeSpan TrimmedEvery = TimeSpan.FromSeconds(10);

    private readonly Shelf large = new(LargeBytes);
    private readonly Shelf small = new(SmallBytes);
    private readonly int mostLarge;
    private readonly ITimer trimming;
    private int largeInUse;

    public BlockPool(TimeProvider clock)
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        mostLarge = (int)Math.Clamp(memory / LargeShareOfMemory / LargeBytes, 16, MostLargeBlocks);
        trimming = clock.CreateTimer(_ => Trim(), null, TrimmedEvery, TrimmedEvery);
    }

    public override int MaxBufferSize => LargeBytes;

    public MemoryPool<byte> Create(MemoryPoolOptions? options) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, LargeBytes);
        if (minBufferSize > SmallBytes) return RentLarge();
        if (OpenConnection.Current is { HasBody: false } || Volatile.Read(ref largeInUse) >= mostLarge)
        {
            return small.Take(this);
        }

        return RentLarge();
    }

    protected override void Dispose(bool disposing) => trimming.Dispose();

    private Block RentLarge()
    {
        Interlocked.Increment(ref largeInUse);
        return large.Take(this);
    }

    private void Return(Block block)
    {
        if (block.Memory.Length == LargeBytes)
        {
            Interlocked.Decrement(ref largeInUse);
            large.Put(block);
        }
        else
        {
            small.Put(block);
        }
    }

    private void Trim()
    {
        large.DropUnused();
        small.DropUnused();
    }

    /// <summary>Idle blocks of one size.</summary>
    private sealed class Shelf(int blockBytes)
    {
        private readonly ConcurrentStack<Block> idle = new();
        private int idleCount;

        /// <summary>The fewest idle blocks since the last trim: that many were not needed.</summary>
        private int unused;

        public Block Take(BlockPool pool)
        {
            if (!idle.TryPop(out var block)) return new Block(pool, blockBytes);
            var left = Interlocked.Decrement(ref idleCount);
            if (left < Volatile.Read(ref unused)) Volatile.Write(ref unused, left);
            return block;
        }

        public void Put(Block block)
        {
            idle.Push(block);
            Interlocked.Increment(ref idleCount);
        }

        public void DropUnused()
        {
            for (var i = Volatile.Read(ref unused); i > 0 && idle.TryPop(out _); i--)
            {
                Interlocked.Decrement(ref idleCount);
            }

            Volatile.Write(ref unused, Volatile.Read(ref idleCount));
        }
    }

    private sealed class Block(BlockPool pool, int bytes) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);

        public void Dispose() => pool.Return(this);
    }
}
