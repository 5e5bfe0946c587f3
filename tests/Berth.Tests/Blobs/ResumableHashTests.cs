using Berth.Blobs;
using Berth.Oci;

namespace Berth.Tests.Blobs;

public sealed class ResumableHashTests
{
    public static TheoryData<DigestAlgorithm> Algorithms => [DigestAlgorithm.Sha256, DigestAlgorithm.Sha512];

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_hash_that_is_saved_and_resumed_repeatedly_is_right(DigestAlgorithm algorithm)
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var content = StoreUse.Bytes(round, random.Next(5000));
            var hash = ResumableHash.Start(algorithm);
            for (var offset = 0; offset < content.Length;)
            {
                var count = Math.Min(random.Next(1, 700), content.Length - offset);
                hash.Append(content.AsSpan(offset, count));
                offset += count;
                Assert.Equal(Digest.Of(algorithm, content.AsSpan(0, offset)), hash.Current());
                hash = ResumableHash.Resume(hash.Save());
                Assert.NotNull(hash);
                Assert.Equal(algorithm, hash.Algorithm);
            }

            Assert.Equal(Digest.Of(algorithm, content), hash.Current());
        }
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Without_OpenSSL_the_platform_hashes_and_no_state_is_saved(DigestAlgorithm algorithm)
    {
        using var hash = ResumableHash.Start(algorithm, isResumable: false);
        hash.Append("ab"u8);
        hash.Append("c"u8);
        Assert.Equal(Digest.Of(algorithm, "abc"u8), hash.Current());
        Assert.Null(hash.Save());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Sha256")]
    [InlineData("Sha256:")]
    [InlineData("Sha256:AAAA")]
    [InlineData("Sha256:!!!!")]
    [InlineData("Sha1:AAAA")]
    [InlineData("7:AAAA")]
    public void An_invalid_state_is_not_resumed(string? text) => Assert.Null(ResumableHash.Resume(text));

    [Fact]
    public void A_state_is_short() =>
        Assert.InRange(ResumableHash.Start(DigestAlgorithm.Sha256).Save()!.Length, 100, 160);
}
