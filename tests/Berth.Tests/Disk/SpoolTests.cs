using Berth.Disk;

namespace Berth.Tests.Disk;

/// <summary>What is too large for memory is kept in a file that nobody sees.</summary>
public sealed class SpoolTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(1 << 20)]
    [InlineData(5_000_001)]
    public void What_was_written_is_read_in_any_order(int bytes)
    {
        var folder = Directory.CreateTempSubdirectory("berth-spool-test");
        try
        {
            using var spool = new Spools(folder.FullName).New();
            var content = new byte[bytes];
            new Random(bytes).NextBytes(content);
            for (var round = 0; round < 2; round++)
            {
                for (var at = 0; at < bytes; at += 65_536)
                    spool.Write(content.AsSpan(at, Math.Min(65_536, bytes - at)));
                Assert.Equal(bytes, spool.Length);
                Assert.Empty(folder.EnumerateFiles());
                var read = new byte[bytes / 2];
                spool.Content.Position = bytes - read.Length;
                spool.Content.ReadExactly(read);
                Assert.Equal(content[^read.Length..], read);
                spool.Content.Position = 0;
                Assert.Equal(content[0], spool.Content.ReadByte());
                spool.Clear();
                Assert.Equal(0, spool.Length);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_folder_that_is_not_there_is_an_error()
    {
        using var spool = new Spools("/nowhere/at/all").New();
        spool.Write(new byte[1000]);
        Assert.ThrowsAny<IOException>(() => spool.Write(new byte[2 << 20]));
    }
}
