using Berth.Oci;

namespace Berth.Signatures;

/// <summary>The manifest that a signature must be for.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="MediaType">Its media type, which signatures of Notary Project name too.</param>
/// <param name="SizeBytes">Its length, which they name too.</param>
/// <param name="Repository">Where it is, as trust policies write it: <c>registry.example/team/app</c>.</param>
internal sealed record SignedImage(Digest Digest, string MediaType, long SizeBytes, string Repository);
