namespace Berth.Versions;

/// <summary>Alpine and those that use apk (apk-package(5)): <c>1.2.3a_rc1_p2~hash-r4</c>.</summary>
internal sealed class ApkOrder : VersionOrder
{
    /// <summary>What may come next, from the lowest to the highest.</summary>
    private enum Kind
    {
        Before,
        Invalid,
        End,
        Revision,
        SuffixNumber,
        After,
        Letter,
        Number,
        First,
    }

    /// <summary>Suffixes of what comes before the version without one, and after it, in their order.</summary>
    private static readonly string[] Befores = ["alpha", "beta", "pre", "rc"];
    private static readonly string[] Afters = ["cvs", "svn", "git", "hg", "p"];

    public override int Compare(string one, string other)
    {
        var tokens = new Tokens(one);
        var otherTokens = new Tokens(other);
        while (true)
        {
            tokens.MoveNext();
            otherTokens.MoveNext();
            var order = tokens.Kind.CompareTo(otherTokens.Kind);
            if (order == 0) order = CompareTexts(tokens.Kind, tokens.Text, otherTokens.Text);
            if (order == 0) order = tokens.Suffix.CompareTo(otherTokens.Suffix);
            if (order != 0 || tokens.Kind is Kind.End or Kind.Invalid) return order;
        }
    }

    /// <summary>A number after a dot with a leading zero is compared as the digits of a fraction are.</summary>
    private static int CompareTexts(Kind kind, ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        kind is Kind.Letter || (kind is Kind.Number && (one is ['0', ..] || other is ['0', ..]))
            ? one.SequenceCompareTo(other)
            : VersionText.CompareNumbers(one, other);

    private ref struct Tokens(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> rest = text.Trim();
        private bool begun;

        public Kind Kind { get; private set; }

        /// <summary>The digits or the letter.</summary>
        public ReadOnlySpan<char> Text { get; private set; }

        /// <summary>The suffix's place among its kind.</summary>
        public int Suffix { get; private set; }

        public void MoveNext()
        {
            var previous = begun ? Kind : Kind.Invalid;
            Text = [];
            Suffix = 0;
            Kind = Next(previous);
            begun = true;
        }

        private Kind Next(Kind previous)
        {
            if (!begun) return TakeNumber(Kind.First);
            // After a letter only older versions of apk accept one.
            if (previous is Kind.Before or Kind.After or Kind.Letter && VersionText.IsNumber(rest))
                return TakeNumber(Kind.SuffixNumber);
            // The hash of a commit has no order.
            if (rest is ['~', ..] && previous != Kind.Revision) SkipHash();
            switch (rest)
            {
                case []: return Kind.End;
                case ['.', ..] when previous is Kind.First or Kind.Number:
                    rest = rest[1..];
                    return TakeNumber(Kind.Number);
                case [>= 'a' and <= 'z', ..] when previous is Kind.First or Kind.Number:
                    Text = VersionText.Take(ref rest, 1);
                    return Kind.Letter;
                case ['_', ..] when previous != Kind.Revision:
                    rest = rest[1..];
                    return TakeSuffix();
                case ['-', 'r', >= '0' and <= '9', ..] or "-r" when previous != Kind.Revision:
                    rest = rest[2..];
                    Text = VersionText.TakeDigits(ref rest);
                    return Kind.Revision;
                default: return Kind.Invalid;
            }
        }

        private Kind TakeNumber(Kind kind)
        {
            Text = VersionText.TakeDigits(ref rest);
            return Text.Length > 0 ? kind : Kind.Invalid;
        }

        private Kind TakeSuffix()
        {
            var word = VersionText.TakeLetters(ref rest);
            if (Find(Befores, word) is >= 0 and var before)
            {
                Suffix = before;
                return Kind.Before;
            }

            Suffix = Find(Afters, word);
            return Suffix >= 0 ? Kind.After : Kind.Invalid;
        }

        private static int Find(string[] words, ReadOnlySpan<char> word)
        {
            for (var at = 0; at < words.Length; at++)
                if (word.SequenceEqual(words[at])) return at;
            return -1;
        }

        private void SkipHash()
        {
            rest = rest[1..];
            while (rest is [(>= '0' and <= '9') or (>= 'a' and <= 'f'), ..]) rest = rest[1..];
        }
    }
}
