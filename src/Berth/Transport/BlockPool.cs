using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Berth.Transport;

/// <summary>
/// Memory for what the server receives and sends, in blocks of 64 KiB instead of Kestrel's 4: a gigabyte of layer then
/// takes a sixteenth of the calls. Blocks are pinned arrays, kept for reuse up to a bound.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int BlockBytes = 64 * 1024;

    /// <summary>Idle blocks above this number, 32 MiB, are left to the garbage collector.</summary>
    private const int MaxIdleBlocks = 512;

    private readonly ConcurrentStack<Block> idle = new();
    private int idleCount;

    public override int MaxBufferSize => BlockBytes;

    public MemoryPool<byte> Create(MemoryPoolOptions? options) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        if (!idle.TryPop(out var block)) return new Block(this);
        Interlocked.Decrement(ref idleCount);
        return block;
    }

    private void Return(Block block)
    {
        if (Volatile.Read(ref idleCount) >= MaxIdleBlocks) return;
        Interlocked.Increment(ref idleCount);
        idle.Push(block);
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);

        public void Dispose() => pool.Return(this);
    }
}
