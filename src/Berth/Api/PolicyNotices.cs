using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Verifying;

namespace Berth.Api;

/// <summary>
/// What whoever writes a policy or a waiver may not have meant: it is saved, but does not do what it looks like.
/// </summary>
internal sealed class PolicyNotices(Database database)
{
    /// <summary>An owner's waiver can concern many policies.</summary>
    private const int MaxNamed = 10;

    private const int MaxTextChars = 100;

    /// <summary>Names in a policy that nobody has.</summary>
    public async Task<IReadOnlyList<string>?> OfAsync(
        ApiCaller caller, PolicyRow policy, CancellationToken cancellation)
    {
        var notices = await database.ReadAsync(
            async session =>
            {
                var found = new List<string>();
                foreach (var name in policy.Spec.Exempt.Where(one => MayAskFor(caller, policy, one)).Take(MaxNamed))
                {
                    if (await AccountTable.FindAsync(session, name.ToLowerInvariant()) is null)
                        found.Add($"there is no account {PlainText.Of(name, MaxTextChars)} yet that it could exempt");
                }

                foreach (var name in policy.Spec.SignedBy.Where(IsEntryName).Take(MaxNamed))
                {
                    if (await FindFaultOfSignerAsync(session, policy, name) is { } fault) found.Add(fault);
                }

                return found;
            },
            cancellation);
        return notices.Count > 0 ? notices : null;
    }

    /// <summary>The policies that a waiver does not count for, and that it is about nothing.</summary>
    public async Task<IReadOnlyList<string>?> OfAsync(WaiverRow waiver, CancellationToken cancellation)
    {
        if (!NamePattern.TryParse(waiver.Names, out var names)) return null;
        var notices = new List<string>();
        var (policies, isFound) = await database.ReadAsync(
            async session => (
                waiver.IsMandatory ? [] : await PolicyTable.AllAsync(session),
                await FindingTable.IsAnyAsync(session, waiver.Vulnerability, waiver.Package, names.Range)),
            cancellation);
        var others = policies.Where(one => one.IsMandatory && one.Spec.AsksForVulnerabilities
            && NamePattern.TryParse(one.Names, out var theirs) && MayMeet(names, theirs))
            .Select(one => one.Id).ToList();
        if (others.Count > 0)
        {
            var numbers = string.Join(
                ", ", others.Take(MaxNamed).Select(one => one.ToString(CultureInfo.InvariantCulture)));
            var rest = others.Count > MaxNamed ? ", …" : "";
            notices.Add($"it does not count for mandatory policies ({numbers}{rest}): "
                + "ask an administrator to waive it for those");
        }

        if (!isFound)
        {
            var name = PlainText.Of(waiver.Vulnerability, MaxTextChars);
            notices.Add($"no image in {waiver.Names} is known to have {name}"
                + (waiver.Package.Length > 0 ? $" in {PlainText.Of(waiver.Package, MaxTextChars)}" : "")
                + ": check the names");
        }

        return notices.Count > 0 ? notices : null;
    }

    /// <summary>Whether a name may be that of an entry: subjects of identities are longer.</summary>
    private static bool IsEntryName(string name) => TrustEntry.FindFaultOfName(TrustKinds.Key, name) is null;

    /// <summary>Who made robots of other namespaces is not for owners to ask.</summary>
    private static bool MayAskFor(ApiCaller caller, PolicyRow policy, string name) => caller.IsStaff
        || !name.StartsWith(AccountName.RobotPrefix, StringComparison.OrdinalIgnoreCase)
        || name.StartsWith($"{AccountName.RobotPrefix}{policy.Namespace}.", StringComparison.OrdinalIgnoreCase);

    /// <summary>All names that a pattern matches lie between two texts: where these do not overlap, no name matches
    /// both.</summary>
    private static bool MayMeet(NamePattern one, NamePattern other) =>
        string.CompareOrdinal(one.Range.Start, other.Range.End) < 0
        && string.CompareOrdinal(other.Range.Start, one.Range.End) < 0;

    /// <summary>Why a signature by that name will not do; null if it may. Policies of Notary Project have names within
    /// their entries, which are not compared.</summary>
    private static async ValueTask<string?> FindFaultOfSignerAsync(Session session, PolicyRow policy, string name)
    {
        if (await IsTrustedAsync("")) return null;
        var isHere = policy.Namespace.Length > 0 && await IsTrustedAsync(policy.Namespace);
        var plain = PlainText.Of(name, MaxTextChars);
        if (await IsIdentityAsync("") || (policy.Namespace.Length > 0 && await IsIdentityAsync(policy.Namespace)))
            return $"{plain} is an identity: write its subject, as signatures are shown with it";
        if (!policy.IsMandatory) return isHere ? null : $"nothing is trusted as {plain} yet";
        return isHere
            ? $"{plain} is trusted in {policy.Namespace} alone, but this policy is mandatory: trust it in the whole "
                + "registry"
            : $"nothing is trusted as {plain} in the whole registry yet, as a mandatory policy needs it";

        async ValueTask<bool> IsIdentityAsync(string space) =>
            await TrustTable.FindAsync(session, space, TrustKinds.Identity, name) is not null;

        async ValueTask<bool> IsTrustedAsync(string space) =>
            await TrustTable.FindAsync(session, space, TrustKinds.Key, name) is not null
            || (await TrustTable.ListAsync(session, space, TrustKinds.Policy, 0, 1)).Count > 0;
    }
}
