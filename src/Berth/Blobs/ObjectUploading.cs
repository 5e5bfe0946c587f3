namespace Berth.Blobs;

/// <summary>What the uploads of one store share.</summary>
internal sealed record ObjectUploading(
    ObjectStore Objects, UploadMemory Memory, PartSizes Sizes, TimeProvider Clock)
{
    /// <summary>Best effort: what can't be deleted now is deleted later, with the store's orphans.</summary>
    public static async Task TryRemoveAsync(Func<Task> removal)
    {
        try
        {
            await removal();
        }
        catch (IOException)
        {
            // The call has logged it.
        }
    }
}
