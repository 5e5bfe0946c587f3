using System.IO.Pipelines;

namespace Berth.Transport;

/// <summary>The two directions of a connection.</summary>
internal sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
{
    public PipeReader Input { get; } = input;

    public PipeWriter Output { get; } = output;
}
