namespace Berth.Vulnerabilities;

/// <summary>What somebody who should know says of a vulnerability in products: VEX, as OpenVEX or CSAF have it.
/// </summary>
/// <param name="Vulnerability">Its name, such as a CVE.</param>
/// <param name="Status">What they say.</param>
internal sealed record VexStatement(string Vulnerability, VexStatus Status)
{
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public IReadOnlyList<VexProduct> Products { get; init; } = [];

    /// <summary>The word for why it is not affected, such as vulnerable_code_not_present.</summary>
    public string? Justification { get; init; }

    /// <summary>Why it is not affected, in words.</summary>
    public string? Impact { get; init; }

    /// <summary>What to do about it.</summary>
    public string? Action { get; init; }

    public string? Author { get; init; }

    /// <summary>When it was said: of several statements the last counts.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The name of the document that says it.</summary>
    public string? Document { get; init; }
}

/// <summary>What a statement is about.</summary>
/// <param name="Purls">Its package URLs.</param>
/// <param name="Digests">Digests of it, such as <c>sha256:…</c>.</param>
internal sealed record VexComponent(IReadOnlyList<string> Purls, IReadOnlyList<string> Digests);

/// <summary>A product, and if there are any, those of its parts that the statement is about.</summary>
internal sealed record VexProduct(VexComponent Product, IReadOnlyList<VexComponent> Subcomponents);

/// <summary>What a statement says.</summary>
internal enum VexStatus
{
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}
