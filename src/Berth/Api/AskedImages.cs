using Berth.Access;
using Berth.Contents;
using Berth.Oci;

namespace Berth.Api;

/// <summary>Finds the image that a request asks for, or says why there is none.</summary>
internal sealed class AskedImages(ImageFiles images)
{
    /// <param name="http">The request.</param>
    /// <param name="repository">A repository that the caller may pull from.</param>
    /// <param name="reference">A tag or digest there.</param>
    /// <param name="platform">Which of the images of an index; null: linux/amd64, or the first.</param>
    public async Task<(FoundImage? Image, ApiError? Error)> FindAsync(
        HttpContext http, string repository, string reference, string? platform)
    {
        var none = ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var parsed))
            return (null, none);
        var wanted = platform is null ? null : AskedPlatform.Parse(platform);
        if (platform is not null && wanted is null)
        {
            return (null, ApiError.Invalid(
                "platform must be like linux/amd64 or linux/arm/v7, or the digest of an image of the index"));
        }

        if (await images.FindAsync(name, parsed, wanted, http.RequestAborted) is { } image) return (image, null);
        return (null, wanted is null ? none
            : ApiError.NotFound($"image {PlainText.Of(reference)} for {PlainText.Of(platform!)}"));
    }
}
