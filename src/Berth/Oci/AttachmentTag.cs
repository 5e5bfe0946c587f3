namespace Berth.Oci;

/// <summary>
/// Tags that attach something to a manifest by the name alone: cosign's <c>sha256-HEX.sig</c>, <c>.att</c> and
/// <c>.sbom</c>, and <c>sha256-HEX</c> of clients without the referrers API (distribution-spec, "Referrers Tag
/// Schema"). They are kept with the manifest they are about, and go with it.
/// </summary>
public static class AttachmentTag
{
    private static readonly string[] Endings = ["", ".sig", ".att", ".sbom"];

    /// <summary>The names of all such tags of a manifest.</summary>
    public static IEnumerable<string> NamesFor(Digest subject) =>
        Endings.Select(ending => $"{subject.Text.Replace(':', '-')}{ending}");

    /// <summary>The manifest that a tag is about; null if it is a tag like any other.</summary>
    public static Digest? SubjectOf(string tag)
    {
        var dash = tag.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0) return null;
        var dot = tag.IndexOf('.', StringComparison.Ordinal);
        var end = dot < 0 ? tag.Length : dot;
        var name = tag.AsSpan(0, end);
        return Array.Exists(Endings, ending => tag.AsSpan(end).SequenceEqual(ending)) && dash < end
            && Digest.TryParse($"{name[..dash]}:{name[(dash + 1)..]}", out var subject)
                ? subject
                : null;
    }
}
