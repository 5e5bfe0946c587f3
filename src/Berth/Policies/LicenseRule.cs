using System.Buffers;
using System.IO.Enumeration;
using Berth.Metadata;
using Berth.Sbom;

namespace Berth.Policies;

/// <summary>Which licences a policy lets through.</summary>
internal sealed class LicenseRule
{
    private static readonly SearchValues<char> Characters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-*");

    private readonly string[] allowed;
    private readonly string[] denied;
    private readonly bool allowsUnknown;

    public LicenseRule(PolicySpec spec)
    {
        (allowed, denied) = ([.. spec.AllowedLicenses.Select(Canonical)], [.. spec.DeniedLicenses.Select(Canonical)]);
        allowsUnknown = allowed.Length == 0 || spec.AllowsUnknownLicenses;
    }

    /// <summary>Whether an expression of licences is let through; an empty one is not known.</summary>
    public bool Allows(string expression) => expression.Length == 0
        ? allowsUnknown : LicenseTerms.Ask(expression, IsFine) ?? allowsUnknown;

    /// <summary>Which licences of an expression that is not let through are to blame; none if it is not known.
    /// </summary>
    public IReadOnlyList<(string License, bool IsDenied)> Blame(string expression)
    {
        var bad = new List<string>();
        LicenseTerms.Ask(expression, one =>
        {
            if (!IsFine(one) && !bad.Contains(one)) bad.Add(one);
            return true;
        });

        // Those that do harm by themselves, if there are any: with OR between them, another one would do.
        var worst = bad.FindAll(one => LicenseTerms.Ask(expression, other => other != one) == false);
        return
        [
            .. (worst.Count > 0 ? worst : bad)
                .Select(one => (one, denied.Any(pattern => Matches(pattern, one)))),
        ];
    }

    /// <summary>What is wrong with the licences of a policy; null if nothing is.</summary>
    public static string? FindFault(PolicySpec spec)
    {
        if (spec.AllowsUnknownLicenses && spec.AllowedLicenses.Count == 0)
            return "unknown licences are let through anyway where no others are named: set allowedLicenses";
        var unfit = spec.AllowedLicenses.Concat(spec.DeniedLicenses).FirstOrDefault(one => !IsFit(one));
        return unfit is null ? null
            : $"SPDX has no licence '{unfit}': write a name of its list, such as Apache-2.0, or a pattern: GPL-*";
    }

    private bool IsFine(string license)
    {
        if (denied.Any(pattern => Matches(pattern, license))) return false;
        return allowed.Length == 0 || allowed.Any(pattern => Matches(pattern, license))
            || (allowsUnknown && IsUnknown(license));
    }

    /// <summary>Whether nobody but who made the package has a name for it.</summary>
    private static bool IsUnknown(string license) =>
        license == Licenses.None || license.StartsWith(Licenses.Reference, StringComparison.Ordinal);

    /// <summary>Who may take a later version may take this one.</summary>
    private static bool Matches(string pattern, string license) =>
        FileSystemName.MatchesSimpleExpression(pattern, license)
        || (license.EndsWith('+') && FileSystemName.MatchesSimpleExpression(pattern, license.AsSpan()[..^1]));

    private static bool IsFit(string text) => !text.AsSpan().ContainsAnyExcept(Characters)
        && (text.Contains('*') || text.StartsWith(Licenses.Reference, StringComparison.Ordinal)
            || Licenses.IsKnown(Canonical(text).TrimEnd('+')));

    /// <summary>As the licences of packages are noted: GPL-2.0 is GPL-2.0-only.</summary>
    private static string Canonical(string text) =>
        text.Contains('*') || text.StartsWith(Licenses.Reference, StringComparison.Ordinal)
            ? text : Licenses.Read(text).Expression;
}
