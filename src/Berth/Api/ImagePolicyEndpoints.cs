using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Berth.Policies;

namespace Berth.Api;

/// <summary><c>/images/{reference}/policies</c>: what policies say of an image.</summary>
internal sealed class ImagePolicyEndpoints(AskedImages images, KnownPolicies known, PolicyJudge judge)
{
    /// <param name="http">Who asks.</param>
    /// <param name="reference">The image.</param>
    /// <param name="repository">Where it is.</param>
    /// <param name="platform">Which of an index.</param>
    /// <param name="on">When: pull (the default), push or promotion.</param>
    public async Task<ApiAnswer<ImagePoliciesView>> GetAsync(
        HttpContext http, string reference, string repository, string? platform = null, string? on = null)
    {
        var moment = on ?? PolicyMoments.Pull;
        if (!PolicyMoments.All.Contains(moment))
            return ApiError.Invalid($"on is {string.Join(", ", PolicyMoments.All)}").At("on");
        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return error!;
        var name = RepositoryName.Parse(repository);
        var asked = (await known.OfAsync(name, http.RequestAborted)).On(moment);
        var found = await judge.JudgeAsync(
            name, image.Digest, asked, http.RequestAborted, isPushed: moment == PolicyMoments.Push);
        return new ImagePoliciesView(
            image.Digest.Text, image.Platform, moment, asked.Policies.Count, found.Any(one => !one.OnlyWarns),
            [.. found.OrderBy(one => one.OnlyWarns).Select(ObjectionView.Of)]);
    }
}

/// <summary>Asks policies before images get another tag, or are copied.</summary>
internal sealed class Promotions(Database database, ImagePolicies policies)
{
    private const int MaxImages = 50_000;

    /// <summary>The manifest that a tag may be pointed to, or why it may not.</summary>
    public async Task<(Reference Target, ApiError? Error)> AskAsync(
        HttpContext http, RepositoryName repository, Reference target)
    {
        if (!await policies.AskOnPromotionAsync(repository, http.RequestAborted)) return (target, null);
        var digest = target.Digest ?? await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, repository) is { } id
                && await TagTable.FindAsync(session, id, target.Tag!.Value) is { } text
                    ? Digest.Parse(text) : (Digest?)null,
            http.RequestAborted);

        // What was asked about is what is moved, whatever happens to the other tag.
        return digest is not { } found
            ? (target, null)
            : (new Reference(found), await AskAsync(http, repository, repository, [found.Text]));
    }

    /// <summary>Why images may not be copied; null if they may.</summary>
    /// <param name="http">Who copies.</param>
    /// <param name="from">Where they are.</param>
    /// <param name="to">Where they go.</param>
    /// <param name="tags">Which; null: all.</param>
    public async Task<ApiError?> AskAsync(
        HttpContext http, RepositoryName from, RepositoryName to, IReadOnlyList<Tag>? tags)
    {
        if (!await policies.AskOnPromotionAsync(to, http.RequestAborted)) return null;
        var digests = await database.ReadAsync(
            async session =>
            {
                if (await RepositoryTable.FindAsync(session, from) is not { } id) return [];
                if (tags is not null)
                {
                    return (await TagTable.FindAllAsync(session, id, tags.Select(tag => tag.Text)))
                        .ConvertAll(tag => tag.Digest);
                }

                return (await GarbageForecast.ManifestsAsync(session, id)).ConvertAll(one => one.Digest);
            },
            http.RequestAborted);
        return await AskAsync(http, from, to, digests);
    }

    private async Task<ApiError?> AskAsync(
        HttpContext http, RepositoryName from, RepositoryName to, IReadOnlyList<string> digests)
    {
        var images = await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, from) is { } id
                ? await JudgedImageTable.ImagesOfAsync(session, id, digests, MaxImages) : [],
            http.RequestAborted);
        var word = await policies.OfPromotionAsync(http.Caller().Name, from, to, images, http.RequestAborted);
        if (word is { IsRefusal: true }) return ApiError.Of(RegistryError.Denied(word.Text));
        if (word is not null) http.Response.Headers.Warning = PolicyWord.HeaderOf(word.Text);
        return null;
    }
}
