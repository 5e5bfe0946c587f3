using Berth.Oci;

namespace Berth.Signatures;

/// <summary>An identity whose keyless signatures count.</summary>
/// <param name="Issuer">Who vouches for it, exactly: <c>https://token.actions.githubusercontent.com</c>.</param>
/// <param name="Subject">
/// The name in the certificate: an address of a workflow, or of a person. <c>*</c> stands for any text up to the next
/// slash, <c>**</c> for any text.
/// </param>
internal sealed record KeylessIdentity(string Issuer, string Subject)
{
    private const int MaxChars = 1000;

    /// <exception cref="FormatException">It would match everybody, or nobody. Says why.</exception>
    public static KeylessIdentity Parse(string issuer, string subject)
    {
        if (issuer.Length is 0 or > MaxChars || subject.Length is 0 or > MaxChars)
            throw new FormatException($"an issuer and a subject have 1 to {MaxChars} characters");
        if (issuer.Contains('*')) throw new FormatException("an issuer can't have wildcards");
        if (subject.Trim('*').Length == 0) throw new FormatException("this subject would match everybody");
        return new KeylessIdentity(issuer, subject);
    }

    public bool Matches(string issuer, string subject) =>
        issuer == Issuer && subject.Length <= MaxChars && NamePattern.Matches(Subject, subject);

    public override string ToString() => $"{Subject} ({Issuer})";
}
