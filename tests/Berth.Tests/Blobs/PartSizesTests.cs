using Berth.Blobs;
using Berth.Settings;

namespace Berth.Tests.Blobs;

public sealed class PartSizesTests
{
    private const long TiB = 1L << 40;

    [Theory]
    [InlineData(5 << 20)]
    [InlineData(10 << 20)]
    public void Ten_thousand_parts_hold_a_tebibyte_and_each_fits_into_the_memory_for_them(long chunkSize)
    {
        var memory = new S3Settings().UploadMemoryBytes;
        var sizes = new PartSizes(chunkSize, memory);
        var all = Enumerable.Range(1, PartSizes.MaximumParts).Select(sizes.SizeOf).ToList();
        Assert.Equal(chunkSize, all[0]);
        Assert.InRange(all.Sum(), TiB, 5 * TiB);
        Assert.InRange(all.Max(), chunkSize, memory);
        Assert.Equal(all.Order(), all);
    }

    [Fact]
    public void Parts_of_usual_blobs_stay_small()
    {
        var sizes = new PartSizes(10 << 20, 256 << 20);
        var (bytes, number) = (0L, 0);
        while (bytes < 5L << 30) bytes += sizes.SizeOf(++number);
        Assert.InRange(sizes.SizeOf(number), 10 << 20, 20 << 20);
    }

    [Fact]
    public void Equal_parts_never_grow_and_no_part_outgrows_the_memory()
    {
        var equal = new PartSizes(10 << 20, 256 << 20, areEqual: true);
        Assert.Equal(10 << 20, equal.SizeOf(PartSizes.MaximumParts));
        var little = new PartSizes(10 << 20, 20 << 20);
        Assert.Equal(20 << 20, little.SizeOf(PartSizes.MaximumParts));
    }

    [Fact]
    public void A_state_reads_back_and_grows_by_less_than_30_characters_a_part()
    {
        var etags = Enumerable.Range(0, 1000)
            .Select(n => $"\"{Convert.ToHexStringLower(StoreUse.Bytes(n, 16))}\"").Append("\"x,/.y-2\"").ToList();
        var state = new ObjectUploadState(
            12, "2~id", "uploads/a/whole-b", ObjectUploadState.Pack(etags), "uploads/a/tail-b", 7, null, "Sha256:AA");
        var text = state.Write();
        Assert.InRange(text.Length, 20_000, 30_000);
        Assert.Equal(state, ObjectUploadState.Parse(text));
        Assert.Equal(etags, ObjectUploadState.Parse(text).UnpackETags());
        Assert.Throws<UploadLostException>(() => ObjectUploadState.Parse("{"));
        Assert.Equal(ObjectUploadState.Empty, ObjectUploadState.Parse(null));
    }
}
