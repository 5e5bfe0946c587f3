using Berth.Settings;

namespace Berth.Tests.Lifecycle;

/// <summary>Settings of registries in which garbage is only collected when a test does so.</summary>
internal static class CollectionByHand
{
    /// <summary>Without rounds, and without a trash: deletions are for good.</summary>
    public static RegistrySettings CollectedByHand(this RegistrySettings settings) => settings with
    {
        Storage = settings.Storage with
        {
            Maintenance = settings.Storage.Maintenance with
            {
                Gc = new GarbageSettings { Enabled = false },
                Trash = new TrashSettings { Keep = TimeSpan.Zero },
            },
        },
    };
}
