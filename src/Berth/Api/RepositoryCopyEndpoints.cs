using Berth.Access;
using Berth.Distribution;
using Berth.Oci;
using Berth.Registry;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A copy of images to another repository.</summary>
internal sealed record NewRepositoryCopy(
    string From, string To, IReadOnlyList<string>? Tags = null, bool DryRun = false);

/// <summary>What a copy brought.</summary>
internal sealed record RepositoryCopyView(string From, string To, long Tags, long Manifests, long Blobs) : INoted
{
    ChangeNote INoted.Note => new(null, $"from {From}, tags: {Tags}, manifests: {Manifests}", To);
}

/// <summary>Another name for a repository.</summary>
internal sealed record NewRepositoryMove(string From, string To, bool DryRun = false);

/// <summary>What was moved.</summary>
internal sealed record RepositoryMoveView(string From, string To, long Tags, long Manifests, bool IsPublic) : INoted
{
    ChangeNote INoted.Note => new(null, $"to {To}, {(IsPublic ? "public" : "private")}", From);
}

/// <summary>
/// <c>/repositories/copies</c> and <c>/repositories/moves</c>: images in another repository, without moving a byte.
/// </summary>
internal sealed class RepositoryCopyEndpoints(
    RepositoryCopying copying, RepositoryMoving moving, Promotions promotions, ApiGate gate)
{
    /// <summary>More than anybody names by hand.</summary>
    private const int MaxTags = 1000;

    public async Task<ApiAnswer<RepositoryCopyView>> CopyAsync(HttpContext http, [FromBody] NewRepositoryCopy sent)
    {
        if (Read(sent.From, sent.To, out var from, out var to) is { } fault) return fault;
        if (sent.Tags is { Count: 0 or > MaxTags }) return ApiError.Invalid($"name 1 to {MaxTags:N0} tags, or none");
        if (sent.Tags?.FirstOrDefault(tag => !Tag.TryParse(tag, out _)) is { } wrong)
            return ApiError.Of(RegistryError.TagInvalid(wrong));
        var caller = http.Caller();
        if (await gate.AskAsync(http, caller, AccessAction.Pull, from) is { } hidden) return hidden;
        if (await gate.AskAsync(http, caller, AccessAction.Push, to) is { } refusal) return refusal;
        if (gate.Refuse(AccessAction.Push) is { } closed) return closed;
        var tags = sent.Tags?.Select(Tag.Parse).ToList();
        if (await promotions.AskAsync(http, from, to, tags) is { } denied) return denied;
        var copy = new ImageCopy(from, to, sent.Tags, http.Actor(), sent.DryRun);
        var result = await copying.CopyAsync(copy, http.RequestAborted);
        if (result.IsUnknown) return ApiError.NotFound("such repository");
        if (result.MissingTag is { } missing) return ApiError.NotFound($"tag {missing} in {from}");
        if (result.TakenTag is { } taken)
            return ApiError.Conflict($"{to}:{taken} points elsewhere: delete it, or copy other tags");
        if (result.IsTooMuch)
        {
            return ApiError.Conflict(
                $"{from} has more than {RepositoryCopying.MaxManifests:N0} manifests to copy: copy some of its tags");
        }

        return new RepositoryCopyView(from.Text, to.Text, result.Tags, result.Manifests, result.Blobs);
    }

    public async Task<ApiAnswer<RepositoryMoveView>> MoveAsync(HttpContext http, [FromBody] NewRepositoryMove sent)
    {
        if (Read(sent.From, sent.To, out var from, out var to) is { } fault) return fault;
        var caller = http.Caller();
        if (await gate.AskAsync(http, caller, AccessAction.Pull, from) is { } hidden) return hidden;
        if (await gate.AskAsync(http, caller, AccessAction.Manage, from) is { } denied) return denied;
        if (await gate.AskAsync(http, caller, AccessAction.Push, to) is { } refusal) return refusal;
        if (gate.Refuse(AccessAction.Push) is { } closed) return closed;
        if (await promotions.AskAsync(http, from, to, (IReadOnlyList<Tag>?)null) is { } unfit) return unfit;
        var mayPublish = await gate.AskAsync(http, caller, AccessAction.Manage, to) is null;
        var move = new RepositoryMove(from, to, mayPublish, http.Actor(), sent.DryRun);
        var result = await moving.MoveAsync(move, http.RequestAborted);
        return result.Outcome switch
        {
            RepositoryMoveOutcome.Unknown => ApiError.NotFound("such repository"),
            RepositoryMoveOutcome.Taken =>
                ApiError.Conflict($"the name {to} is taken, by a repository or by one that had it before"),
            RepositoryMoveOutcome.InTrash => ApiError.Conflict(
                $"the trash has what was deleted in {to}: empty it (berth trash empty --repository {to}), or take "
                + "another name"),
            RepositoryMoveOutcome.Immutable => ApiError.Of(RegistryError.TagImmutable(result.Rule!)),
            _ => new RepositoryMoveView(from.Text, to.Text, result.Tags, result.Manifests, result.IsPublic),
        };
    }

    private static ApiError? Read(string fromText, string toText, out RepositoryName from, out RepositoryName to)
    {
        to = default;
        if (!RepositoryName.TryParse(fromText, out from)) return ApiError.Of(RegistryError.NameInvalid(fromText));
        if (!RepositoryName.TryParse(toText, out to)) return ApiError.Of(RegistryError.NameInvalid(toText));
        return from == to ? ApiError.Invalid("from and to are the same repository") : null;
    }
}
