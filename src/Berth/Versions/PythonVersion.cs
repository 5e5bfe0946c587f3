namespace Berth.Versions;

/// <summary>The parts of a version as PEP 440 has them, appendix B: <c>1!2.3rc4.post5.dev6+local.7</c>.</summary>
internal ref struct PythonVersion
{
    /// <summary>The words for each phase; the longer ones first where another begins them.</summary>
    private static readonly (string Word, ReleasePhase Phase)[] PreWords =
    [
        ("alpha", ReleasePhase.Alpha), ("a", ReleasePhase.Alpha), ("beta", ReleasePhase.Beta),
        ("b", ReleasePhase.Beta), ("preview", ReleasePhase.Candidate), ("pre", ReleasePhase.Candidate),
        ("rc", ReleasePhase.Candidate), ("c", ReleasePhase.Candidate),
    ];

    private static readonly string[] PostWords = ["post", "rev", "r"];

    private ReadOnlySpan<char> rest;

    public PythonVersion(string text)
    {
        rest = text.AsSpan().Trim();
        if (rest is ['v' or 'V', ..]) rest = rest[1..];
        Phase = ReleasePhase.Final;
        IsValid = TakeRelease();
        if (!IsValid) return;
        TakePre();
        TakePost();
        TakeDev();
        TakeLocal();
        IsValid = rest.Length == 0;
        if (Phase is ReleasePhase.Final && IsDev && !IsPost) Phase = ReleasePhase.Development;
    }

    /// <summary>What leads to a release, from the lowest to the highest.</summary>
    public enum ReleasePhase
    {
        Development,
        Alpha,
        Beta,
        Candidate,
        Final,
    }

    public bool IsValid { get; private set; }

    public ReadOnlySpan<char> Epoch { get; private set; }

    /// <summary>Its numbers, with dots between them.</summary>
    public ReadOnlySpan<char> Release { get; private set; }

    public ReleasePhase Phase { get; private set; }

    public ReadOnlySpan<char> PreNumber { get; private set; }

    public bool IsPost { get; private set; }

    public ReadOnlySpan<char> PostNumber { get; private set; }

    public bool IsDev { get; private set; }

    public ReadOnlySpan<char> DevNumber { get; private set; }

    public ReadOnlySpan<char> Local { get; private set; }

    private bool TakeRelease()
    {
        var start = rest;
        var number = VersionText.TakeDigits(ref rest);
        if (number.Length > 0 && rest is ['!', ..])
        {
            Epoch = number;
            start = rest = rest[1..];
            number = VersionText.TakeDigits(ref rest);
        }

        if (number.Length == 0) return false;
        while (rest is ['.', >= '0' and <= '9', ..])
        {
            rest = rest[1..];
            VersionText.TakeDigits(ref rest);
        }

        Release = start[..^rest.Length];
        return true;
    }

    private void TakePre()
    {
        foreach (var (word, phase) in PreWords)
        {
            if (!TakeWord(word)) continue;
            Phase = phase;
            PreNumber = TakeNumber();
            return;
        }
    }

    private void TakePost()
    {
        if (rest is ['-', >= '0' and <= '9', ..])
        {
            rest = rest[1..];
            IsPost = true;
            PostNumber = VersionText.TakeDigits(ref rest);
            return;
        }

        foreach (var word in PostWords)
        {
            if (!TakeWord(word)) continue;
            IsPost = true;
            PostNumber = TakeNumber();
            return;
        }
    }

    private void TakeDev()
    {
        if (!TakeWord("dev")) return;
        IsDev = true;
        DevNumber = TakeNumber();
    }

    private void TakeLocal()
    {
        if (rest is not ['+', .. var local]) return;
        var wasSeparator = true;
        foreach (var c in local)
        {
            var isSeparator = c is '.' or '-' or '_';
            if (isSeparator ? wasSeparator : !char.IsAsciiLetterOrDigit(c)) return;
            wasSeparator = isSeparator;
        }

        if (wasSeparator) return;
        Local = local;
        rest = [];
    }

    private bool TakeWord(string word)
    {
        var text = rest is ['.' or '-' or '_', .. var after] ? after : rest;
        if (!text.StartsWith(word, StringComparison.OrdinalIgnoreCase)) return false;
        rest = text[word.Length..];
        return true;
    }

    private ReadOnlySpan<char> TakeNumber()
    {
        if (rest is ['.' or '-' or '_', >= '0' and <= '9', ..]) rest = rest[1..];
        return VersionText.TakeDigits(ref rest);
    }
}
