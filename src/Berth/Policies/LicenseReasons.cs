using System.Globalization;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Policies;

/// <summary>What policies have against the licences of an image's packages.</summary>
internal static class LicenseReasons
{
    /// <summary>Clients show the whole message in a line.</summary>
    private const int MaxNamed = 3;

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
        var rest = refused.Count > MaxNamed
            ? string.Create(CultureInfo.InvariantCulture, $" and {refused.Count - MaxNamed:N0} more licences") : "";
        yield return $"it has packages whose licences are not allowed: "
            + $"{string.Join(", ", refused.Take(MaxNamed).Select(Say))}{rest}: do without them, or have the policy "
            + "changed";
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

    private static string Say(ImageLicense one) => $"{PlainText.Of(one.Package, MaxTextChars)} "
        + (one.Expression.Length == 0 ? "(unknown)" : $"({PlainText.Of(one.Expression, MaxTextChars)})");
}
