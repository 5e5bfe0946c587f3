namespace Berth.Vulnerabilities;

/// <summary>What a vector of the Common Vulnerability Scoring System comes to.</summary>
/// <param name="Version">2.0, 3.0, 3.1 or 4.0.</param>
/// <param name="Score">From 0.0 to 10.0, with one decimal.</param>
internal readonly record struct CvssScore(string Version, decimal Score)
{
    /// <summary>Its word. Version 2 has no critical ones.</summary>
    public Severity Severity => Score switch
    {
        0 => Severity.None,
        < 4 => Severity.Low,
        < 7 => Severity.Medium,
        < 9 => Severity.High,
        _ => Version == "2.0" ? Severity.High : Severity.Critical,
    };
}
