using System.Globalization;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Policies;

/// <summary>What policies have against the licences of an image's packages.</summary>
internal static class LicenseReasons
{
    /// <summary>Clients show the whole message in a line.</summary>
    private const int MaxNamed = 3;

    private const int MaxBlamed = 2;

    private const int MaxTextChars = 80;

    public static IEnumerable<string> Of(Policy policy, JudgedImage image, DateTimeOffset now, bool isPushed)
    {
        if (!policy.Spec.AsksForLicenses) yield break;
        if (!image.IsReadable && !policy.Spec.AllowsUnscanned)
        {
            yield return "it is of a type that is not known, so its licences are not: push it as an OCI image, or let "
                + "unscanned images through";
        }

        if (!image.HasFiles) yield break;
        if (image.Licenses is not { Licenses: { } licenses } known)
        {
            if (SayUnknown(policy, image, now, isPushed) is { } unknown) yield return unknown;
            yield break;
        }

        var isCut = licenses.Any(one => one.Expression == ImageLicenseTable.TooLong);
        if ((!known.IsComplete || known.LacksPackages || isCut) && !policy.Spec.AllowsUnscanned)
        {
            yield return (known.LacksPackages ? "the list of its distribution's packages is missing"
                : isCut ? "its licences are too long" : "not all its layers can be read")
                + ", so not all its licences are known: let unscanned images through if that can't be helped";
        }

        var refused = licenses.Where(one =>
            one.Expression != ImageLicenseTable.TooLong && !policy.Licenses.Allows(one.Expression)).ToList();
        if (refused.Count == 0) yield break;

        // Of each combination of licences one package is known: there may be more.
        var more = refused.Skip(MaxNamed).Select(one => one.Package).Distinct().Count();
        var rest = more > 0 ? string.Create(
            CultureInfo.InvariantCulture, $" and at least {more:N0} more package{(more == 1 ? "" : "s")}") : "";
        yield return "it has packages whose licences are not allowed: "
            + $"{string.Join(", ", refused.Take(MaxNamed).Select(one => Say(policy, one)))}{rest}: do without them, or "
            + "have the policy changed";
    }

    /// <summary>Why its licences are not known; null if it is let through all the same.</summary>
    private static string? SayUnknown(Policy policy, JudgedImage image, DateTimeOffset now, bool isPushed)
    {
        if (isPushed || policy.Spec.AllowsUnscanned) return null;
        if (image.Licenses is { State: ScanStates.Fault })
        {
            return "its packages can't be read, so its licences are not known: build it again, or let unscanned images "
                + "through";
        }

        return now < image.PushedAt + policy.ScanGraceTime ? null
            : "its licences are not known yet: try again in a few minutes; if that does not help, look at the job "
                + "scan-images";
    }

    private static string Say(Policy policy, ImageLicense license)
    {
        var package = PlainText.Of(license.Package, MaxTextChars);
        if (license.Expression.Length == 0) return $"{package} has no known licence";
        var blamed = policy.Licenses.Blame(license.Expression);
        if (blamed.Count == 0) return $"{package} has a licence that can't be read";
        var named = blamed.Take(MaxBlamed).Select(
            one => $"{PlainText.Of(one.License, MaxTextChars)} ({(one.IsDenied ? "denied" : "not allowed")})");
        var rest = blamed.Count > MaxBlamed ? $" and {blamed.Count - MaxBlamed} more" : "";
        return $"{package} has {string.Join(" and ", named)}{rest}";
    }
}
