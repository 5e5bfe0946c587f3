using Berth.Metadata;
using Berth.Signatures;

namespace Berth.Verifying;

/// <summary>Whose signatures count in a namespace.</summary>
/// <param name="Space">The namespace.</param>
/// <param name="Versions">Which state of the entries this is.</param>
/// <param name="Registry">What counts everywhere.</param>
/// <param name="Namespace">What counts only there. It is complete by itself: what an owner writes can't change what an
/// entry of the registry means.</param>
internal sealed record NamespaceTrust(string Space, TrustVersions Versions, Trust Registry, Trust Namespace)
{
    public bool IsEmpty => TrustsNobody(Registry) && TrustsNobody(Namespace);

    /// <summary>Roots and stores alone trust nobody.</summary>
    public static bool TrustsNobody(Trust trust) =>
        trust.Keys.Count == 0 && trust.Identities.Count == 0 && trust.Policies.Count == 0;
}

/// <summary>Loads whose signatures count. The last that was loaded is remembered, as long as its version stays.
/// </summary>
internal sealed partial class RegistryTrust(Database database, ILogger<RegistryTrust> log)
{
    /// <summary>Of a namespace, or of the registry: each key takes time with each signature.</summary>
    public const int MaxEntries = 100;

    private volatile Loaded? registry;
    private volatile Loaded? last;

    public async ValueTask<NamespaceTrust> OfAsync(string space, CancellationToken cancellation)
    {
        var versions = (await database.ReadAsync(
            session => TrustTable.StateAsync(session, space), cancellation)).Present;
        var everywhere = registry;
        if (everywhere?.Version != versions.Registry)
            registry = everywhere = await LoadAsync("", versions.Registry, cancellation);
        var here = last;
        if (here?.Space != space || here.Version != versions.Namespace)
            last = here = await LoadAsync(space, versions.Namespace, cancellation);
        return new NamespaceTrust(space, versions, everywhere.Trust, Complete(here.Trust, everywhere.Trust));
    }

    /// <summary>A namespace's own identities and policies may use the roots and stores of the registry. Its own stores
    /// come first.</summary>
    private static Trust Complete(Trust own, Trust registry) => NamespaceTrust.TrustsNobody(own) ? own : own with
    {
        Roots = [.. own.Roots, .. registry.Roots],
        Stores =
        [
            .. own.Stores,
            .. registry.Stores.Where(one => !own.Stores.Any(mine => mine.Reference == one.Reference)),
        ],
    };

    private async ValueTask<Loaded> LoadAsync(string space, long version, CancellationToken cancellation)
    {
        // A change since the version was read makes the next look load it again.
        var rows = version == 0 ? [] : await database.ReadAsync(
            session => TrustTable.ListAsync(session, space, null, 0, MaxEntries), cancellation);
        var parts = new List<Trust>();
        foreach (var row in rows)
        {
            try
            {
                parts.Add(TrustEntry.Read(row));
            }
            catch (FormatException e)
            {
                LogUnusable(row.Kind, row.Name, e.Message);
            }
        }

        return new Loaded(space, version, new Trust
        {
            Keys = [.. parts.SelectMany(one => one.Keys)],
            Identities = [.. parts.SelectMany(one => one.Identities)],
            Roots = [.. parts.SelectMany(one => one.Roots)],
            Stores = [.. parts.SelectMany(one => one.Stores)],
            Policies = [.. parts.SelectMany(one => one.Policies)],
        });
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "What is trusted as {Kind} {Name} can't be used any more: {Reason}")]
    private partial void LogUnusable(string kind, string name, string reason);

    private sealed record Loaded(string Space, long Version, Trust Trust);
}
