using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Verifying;

namespace Berth.Api;

/// <summary>The signatures of an image.</summary>
/// <param name="Digest">Its manifest.</param>
/// <param name="IsVerified">Whether one of them, which is more than an attestation, is by somebody who is trusted here.
/// </param>
/// <param name="Items">Verified ones first.</param>
internal sealed record SignaturesView(string Digest, bool IsVerified, IReadOnlyList<SignatureView> Items);

/// <summary>A signature, and what came of verifying it.</summary>
/// <param name="Verdict">verified, failed, untrusted or pending.</param>
/// <param name="Reason">Why it does not count; null if it does.</param>
/// <param name="TrustedBy">The key, identity or policy that says to trust it.</param>
/// <param name="TrustedIn">The namespace that this is trusted in; null: the whole registry.</param>
/// <param name="Index">The index that is signed; null: the image itself.</param>
internal sealed record SignatureView(string Verdict, string? Reason, string Artifact, string? Tag, string? Index)
{
    public string? Layer { get; init; }

    public string? Kind { get; init; }

    public string? Signer { get; init; }

    public string? Issuer { get; init; }

    public string? TrustedBy { get; init; }

    public string? TrustedIn { get; init; }

    public string? PredicateType { get; init; }

    public DateTimeOffset? SignedAt { get; init; }

    public string? TimeSource { get; init; }

    public IReadOnlyList<string> Warnings { get; init; } = [];

    public DateTimeOffset? CheckedAt { get; init; }

    public static SignatureView Of(FoundSignature found, Digest image)
    {
        var (tag, index) = (
            found.Tag.Length == 0 ? null : found.Tag, found.Subject == image ? null : found.Subject.Text);
        if (found.Result is not { } result)
        {
            return found.State == ArtifactStates.Fault
                ? new SignatureView(
                    SignatureVerdicts.Failed, "it could not be verified", found.Artifact.Text, tag, index)
                : new SignatureView(
                    SignatureVerdicts.Pending, "it is not verified yet", found.Artifact.Text, tag, index);
        }

        return new SignatureView(result.Verdict, result.Fault, found.Artifact.Text, tag, index)
        {
            Layer = result.Layer,
            Kind = result.Kind,
            Signer = result.Signer,
            Issuer = result.Issuer,
            TrustedBy = result.TrustedBy,
            TrustedIn = string.IsNullOrEmpty(result.TrustedIn) ? null : result.TrustedIn,
            PredicateType = result.PredicateType,
            SignedAt = result.SignedAt,
            TimeSource = result.TimeSource,
            Warnings = result.Warnings,
            CheckedAt = found.CheckedAt,
        };
    }
}

/// <summary><c>/images/{reference}/signatures</c>: who signed an image, as far as it is verified.</summary>
internal sealed class SignatureEndpoints(ManifestTable manifests, SignatureResults results)
{
    public async Task<ApiAnswer<SignaturesView>> GetAsync(HttpContext http, string reference, string repository)
    {
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var asked)
            || await manifests.FindAsync(name, asked, http.RequestAborted) is not { } stored)
        {
            return ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
        }

        var found = await results.AllOfAsync(name, stored.Digest, http.RequestAborted);
        return new SignaturesView(
            stored.Digest.Text, found.Any(one => one.Result is { IsSignature: true }),
            [.. found.Select(one => SignatureView.Of(one, stored.Digest))]);
    }
}
