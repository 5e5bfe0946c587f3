using System.IO.Pipelines;
using Berth.Distribution;

namespace Berth.Tests.Distribution;

public sealed class AnswerBodyTests
{
    [Fact]
    public async Task A_client_that_does_not_read_holds_one_piece_and_one_that_reads_gets_all()
    {
        var content = new byte[4 << 20];
        new Random(1).NextBytes(content);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: AnswerBody.PieceBytes));
        var sending = AnswerBody.SendAsync(pipe.Writer, content, TestContext.Current.CancellationToken);
        var held = await pipe.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.False(sending.IsCompleted);
        Assert.Equal(AnswerBody.PieceBytes, held.Buffer.Length);
        pipe.Reader.AdvanceTo(held.Buffer.Start);
        var all = new MemoryStream();
        var reading = pipe.Reader.CopyToAsync(all, TestContext.Current.CancellationToken);
        await sending;
        await pipe.Writer.CompleteAsync();
        await reading;
        Assert.Equal(content, all.ToArray());
    }
}
