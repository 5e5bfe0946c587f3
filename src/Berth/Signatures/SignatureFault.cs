namespace Berth.Signatures;

/// <summary>What kind of thing is wrong with a signature.</summary>
internal enum SignatureFaultKind
{
    /// <summary>Its bytes are not of a format that Berth reads, or beyond a limit.</summary>
    Unreadable,

    /// <summary>It is broken: altered, expired, or without a proof that it needs.</summary>
    Invalid,

    /// <summary>It is about another image.</summary>
    OtherImage,

    /// <summary>It may be right, but nobody who is trusted made it.</summary>
    Untrusted,
}

/// <summary>Why a signature does not count.</summary>
/// <param name="Kind">For programs.</param>
/// <param name="Reason">For people: a part of a sentence. It may quote what strangers wrote.</param>
internal sealed record SignatureFault(SignatureFaultKind Kind, string Reason)
{
    private const int MaxChars = 500;

    public static SignatureFault Unreadable(string reason) => new(SignatureFaultKind.Unreadable, Cut(reason));

    public static SignatureFault Invalid(string reason) => new(SignatureFaultKind.Invalid, Cut(reason));

    public static SignatureFault OtherImage(string reason) => new(SignatureFaultKind.OtherImage, Cut(reason));

    public static SignatureFault Untrusted(string reason) => new(SignatureFaultKind.Untrusted, Cut(reason));

    /// <summary>Of several, the one that says most: not being trusted says least, since any stranger is not.</summary>
    public static SignatureFault MostTelling(IReadOnlyList<SignatureFault> faults) =>
        faults.FirstOrDefault(fault => fault.Kind != SignatureFaultKind.Untrusted) ?? faults[0];

    private static string Cut(string text) => text.Length > MaxChars ? text[..MaxChars] + "…" : text;
}
