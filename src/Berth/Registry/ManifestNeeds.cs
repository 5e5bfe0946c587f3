using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// What has to be in a manifest's repository: the config and layers of an image, and the children of an index that the
/// settings require.
/// </summary>
internal sealed class ManifestNeeds(ValidationSettings validation)
{
    private readonly IndexValidationSettings indexes = validation.Manifests.Indexes;

    public List<ManifestReference> Of(Manifest manifest)
    {
        if (MediaTypes.IsImageManifest(manifest.MediaType))
        {
            return [.. manifest.References.Where(r => r.Kind is ReferenceKind.Config or ReferenceKind.Layer
                && !MediaTypes.IsNondistributable(r.Target.MediaType))];
        }

        if (!MediaTypes.IsIndex(manifest.MediaType)) return [];
        return [.. manifest.References.Where(r => r.Kind == ReferenceKind.Child && indexes.Platforms switch
        {
            "none" => false,
            "list" => indexes.PlatformList.Any(p => r.Target.Platform is { } platform
                && platform.Architecture == p.Architecture && platform.Os == p.Os),
            _ => true,
        })];
    }
}
