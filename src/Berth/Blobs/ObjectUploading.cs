namespace Berth.Blobs;

/// <summary>What the uploads of one store share.</summary>
internal sealed record ObjectUploading(
    ObjectStore Objects, UploadMemory Memory, PartSizes Sizes, TimeProvider Clock);
