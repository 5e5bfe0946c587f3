using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Berth.Distribution;
using Berth.Oci;

namespace Berth.Tests.Oci;

/// <summary>The parsers at the edge, compared with the specs' own grammars on random texts.</summary>
public partial class GrammarTests
{
    private const int Rounds = 100_000;

    [Fact]
    public void Repository_names_parse_exactly_when_the_specs_expression_matches() => Compare(
        ["a", "b0", "9", ".", "_", "__", "-", "--", "/", "A", "é", " ", ":"], 9,
        text => text.Length <= 255 && NameGrammar().IsMatch(text),
        text => RepositoryName.TryParse(text, out var name) && IsKept(text, name.Text));

    [Fact]
    public void Tags_parse_exactly_when_the_specs_expression_matches() => Compare(
        ["a", "Z", "0", "_", ".", "-", "/", ":", "é", "\0", new string('x', 100)], 5,
        text => TagGrammar().IsMatch(text),
        text => Tag.TryParse(text, out var tag) && IsKept(text, tag.Text));

    [Fact]
    public void Digests_parse_exactly_when_they_are_registered_and_of_the_right_length()
    {
        string[] pieces =
        [
            "sha256:", "sha512:", "sha384:", "sha", "256", ":", "SHA256:", new('a', 64), new('0', 128), new('f', 63),
                new('f', 32),
            "0", "g", "A", "é", "latest",
        ];
        Compare(
            pieces, 4, text => DigestGrammar().IsMatch(text), text =>
                Digest.TryParse(text, out var digest) && IsKept(text, digest.Text));
        for (var length = 0; length < 300; length++) Assert.False(Digest.TryParse(new string('a', length), out _));
    }

    [Theory]
    [InlineData(DigestAlgorithm.Sha256, 64)]
    [InlineData(DigestAlgorithm.Sha512, 128)]
    public void A_digest_tells_its_algorithm_and_whether_it_is_of_nothing(DigestAlgorithm algorithm, int hexLength)
    {
        var nothing = Digest.Of(algorithm, []);
        Assert.Equal((algorithm, hexLength, true), (nothing.Algorithm, nothing.Hex.Length, nothing.IsOfNothing));
        using var hash = Digest.StartHash(algorithm);
        hash.AppendData("a"u8);
        var something = Digest.FromHash(algorithm, hash.GetHashAndReset());
        Assert.Equal((Digest.Of(algorithm, "a"u8), false), (something, something.IsOfNothing));
    }

    [Fact]
    public void Media_types_are_valid_exactly_when_the_grammar_of_RFC_6838_matches() => Compare(
        ["/", "a", "application/", "vnd.a+json", "!#$&-^_.", new('x', 126), ";", "é", " ", "\r"], 4,
        text => MediaTypeGrammar().IsMatch(text), text => MediaTypes.IsValid(text));

    [Fact]
    public void Upload_ids_parse_exactly_when_they_are_32_lower_case_hexadecimal_digits() => Compare(
        [new('0', 31), new('f', 30), "a", "9", "g", "A", "-", "é"], 3,
        text => UploadIdGrammar().IsMatch(text),
        text => UploadId.TryParse(text, out var id) && IsKept(text, id.Text));

    [Fact]
    public void A_path_is_read_back_as_it_was_put_together()
    {
        string[] words =
            ["a", "blobs", "uploads", "manifests", "tags", "list", "referrers", "v2", "_catalog", "sha256:ab", ""];
        var random = new Random(11);
        for (var i = 0; i < Rounds; i++)
        {
            var name = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => words[random.Next(8)]));
            var last = words[random.Next(10)];
            var (path, kind) = random.Next(6) switch
            {
                0 => ($"/v2/{name}/manifests/{last}", V2Kind.Manifest),
                1 => ($"/v2/{name}/blobs/sha256:{i}", V2Kind.Blob),
                2 => ($"/v2/{name}/referrers/{last}", V2Kind.Referrers),
                3 => ($"/v2/{name}/tags/list", V2Kind.Tags),
                4 => ($"/v2/{name}/blobs/uploads/{i}", V2Kind.Upload),
                _ => ($"/v2/{name}/blobs/uploads/", V2Kind.Uploads),
            };
            var found = V2Path.Parse(path);
            Assert.True(
                found.Kind == kind && found.Name.SequenceEqual(name),
                $"{path} was read as {found.Kind} of '{found.Name}'");
        }
    }

    [Fact]
    public void No_path_breaks_the_parser()
    {
        string[] words =
            ["/", "v2", "blobs", "uploads", "manifests", "tags", "list", "referrers", "_catalog", "sha256:", "é",
            "\0", "a"];
        var random = new Random(12);
        for (var i = 0; i < Rounds; i++)
        {
            var path = Text(random, words, 12);
            var found = V2Path.Parse(path);
            var error = V2Target.Check(found, "GET", out var target);
            Assert.True(
                error is not null || target.Kind is V2Kind.Version or V2Kind.Catalog or V2Kind.Extensions
                || target.Repository.Text.Length > 0, path);
        }
    }

    [Fact]
    public void A_range_is_inside_the_blob_and_what_was_asked_for()
    {
        string[] pieces =
            ["bytes=", "bytes", "=", "-", "0", "1", "9", "99", ",", " ", "9223372036854775807",
            "18446744073709551616", "x", "+1"];
        var random = new Random(13);
        for (var i = 0; i < Rounds; i++)
        {
            var header = random.Next(2) == 0 ? "bytes=" + Text(random, pieces, 4) : Text(random, pieces, 5);
            var length = random.Next(4) == 0 ? 0 : random.NextInt64(1, 200);
            var isSatisfiable = ByteRange.TryRead(header, length, out var range);
            if (length == 0)
            {
                Assert.True(isSatisfiable && range is null, $"'{header}' of nothing");
                continue;
            }

            if (RangeGrammar().Match(header) is not { Success: true } match
                || (match.Groups[1].Length + match.Groups[2].Length) == 0)
            {
                Assert.True(isSatisfiable && range is null, $"'{header}' is no range");
                continue;
            }

            var expected = Expected(match.Groups[1].Value, match.Groups[2].Value, length);
            if (expected is null && (IsHuge(match.Groups[1].Value) || IsHuge(match.Groups[2].Value))) continue;
            Assert.True(isSatisfiable == expected is not null, $"'{header}' of {length}");
            if (isSatisfiable && range is { } part) Assert.Equal(expected, (part.Offset, part.Count));
        }
    }

    [Fact]
    public void Several_ranges_cover_what_was_requested_and_never_touch()
    {
        var random = new Random(16);
        for (var i = 0; i < Rounds; i++)
        {
            var length = random.Next(1, 60);
            var asked = new bool[length];
            var specs = new List<string>();
            for (var (left, count) = (random.Next(2, 9), 0); count < left; count++)
            {
                var (first, last) = (random.Next(70), random.Next(70));
                if (last < first) (first, last) = (last, first);
                specs.Add($"{first}-{last}");
                for (var at = first; at <= last && at < length; at++) asked[at] = true;
            }

            var isInside = ByteRange.TryReadSeveral(
                "bytes=" + string.Join(random.Next(2) == 0 ? "," : " , ", specs), length, 100, out var parts);
            Assert.Equal(asked.Contains(true), isInside);
            var covered = new int[length + 1];
            foreach (var part in parts)
            {
                for (var at = part.Offset; at < part.Offset + part.Count; at++) covered[at]++;
            }

            Assert.Equal(asked, covered[..length].Select(c => c == 1));
            var ends = parts.Select(p => p.Offset + p.Count).ToHashSet();
            Assert.DoesNotContain(parts, p => ends.Contains(p.Offset));
        }
    }

    [Fact]
    public void A_chunks_range_is_what_it_says_or_refused()
    {
        string[] pieces =
            ["bytes ", "bytes=", "-", "0", "1", "10", "/", "*", " ", "9223372036854775807", "99999999999999999999",
            "x"];
        var random = new Random(14);
        for (var i = 0; i < Rounds; i++)
        {
            var header = Text(random, pieces, 5);
            var isRange = ByteRange.TryReadContentRange(header, out var range);
            if (ChunkGrammar().Match(header) is { Success: true } match
                && long.TryParse(match.Groups[1].Value, out var first)
                    && long.TryParse(match.Groups[2].Value, out var last)
                && last >= first && last < long.MaxValue)
            {
                Assert.True(isRange, header);
                Assert.Equal(new ByteRange(first, last - first + 1), range);
            }

            Assert.True(!isRange || (range.Offset >= 0 && range.Count > 0), header);
        }
    }

    private static (long Offset, long Count)? Expected(string first, string last, long length)
    {
        var (from, to) = (Number(first), Number(last));
        if (from is null)
        {
            if (to == 0 || length == 0) return null;
            return ((long)BigInteger.Max(0, length - to!.Value), (long)BigInteger.Min(to.Value, length));
        }

        if (from >= length || to < from) return null;
        var end = BigInteger.Min(to ?? length - 1, length - 1);
        return ((long)from, (long)(end - from.Value + 1));
    }

    private static BigInteger? Number(string text) =>
        text.Length == 0 ? null : BigInteger.Parse(text, CultureInfo.InvariantCulture);

    private static bool IsHuge(string text) => Number(text) > long.MaxValue;

    private static void Compare(string[] pieces, int count, Func<string, bool> grammar, Func<string, bool> parser)
    {
        var random = new Random(10);
        var valid = 0;
        for (var i = 0; i < Rounds; i++)
        {
            var text = Text(random, pieces, count);
            Assert.True(grammar(text) == parser(text), $"'{text}'");
            if (grammar(text)) valid++;
        }

        Assert.InRange(valid, Rounds / 1000, Rounds - 1);
    }

    private static bool IsKept(string text, string parsed)
    {
        Assert.Equal(text, parsed);
        return true;
    }

    private static string Text(Random random, string[] pieces, int count) =>
        string.Concat(Enumerable.Range(0, random.Next(count + 1)).Select(_ => pieces[random.Next(pieces.Length)]));

    [GeneratedRegex(@"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\z")]
    private static partial Regex NameGrammar();

    [GeneratedRegex(@"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z")]
    private static partial Regex TagGrammar();

    [GeneratedRegex(@"\A(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\z")]
    private static partial Regex DigestGrammar();

    [GeneratedRegex(@"\A[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}\z")]
    private static partial Regex MediaTypeGrammar();

    [GeneratedRegex(@"\A[0-9a-f]{32}\z")]
    private static partial Regex UploadIdGrammar();

    [GeneratedRegex(@"\Abytes=\s*([0-9]*)-([0-9]*)\s*\z", RegexOptions.IgnoreCase)]
    private static partial Regex RangeGrammar();

    [GeneratedRegex(@"\A([0-9]+)-([0-9]+)\z")]
    private static partial Regex ChunkGrammar();
}
