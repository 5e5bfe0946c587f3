namespace Berth.Vulnerabilities;

/// <summary>How bad a vulnerability is, in the words of CVSS 3.1 and 4.0.</summary>
internal enum Severity
{
    /// <summary>It does no harm: not the same as one of which nobody has said how bad it is.</summary>
    None,

    /// <summary>Below 4.0.</summary>
    Low,

    /// <summary>Below 7.0.</summary>
    Medium,

    /// <summary>Below 9.0.</summary>
    High,

    /// <summary>From 9.0 to 10.0.</summary>
    Critical,
}
