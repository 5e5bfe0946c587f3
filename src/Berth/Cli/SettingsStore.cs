using Berth.Blobs;
using Berth.Settings;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Cli;

/// <summary>The store of blobs in the settings, for a command.</summary>
/// <param name="settings">Where it is.</param>
/// <param name="mayCreate">Whether missing folders are made, which a dry run does not.</param>
internal sealed class SettingsStore(RegistrySettings settings, bool mayCreate = true) : IDisposable
{
    private readonly ObjectBlobStore? remote = ObjectBlobStore.Open(
        settings.Storage, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance);

    public IBlobStore Blobs => field ??= remote is not null
        ? remote : new FileBlobStore(
            Path.GetFullPath(settings.Storage.Filesystem.RootDirectory), mayCreate: mayCreate);

    public void Dispose() => remote?.Dispose();
}
