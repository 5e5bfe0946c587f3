namespace Berth.Pages;

/// <summary>Pages of images.</summary>
internal partial class English
{
    public virtual string ImageTabs => "Pages of this image";
    public virtual string Overview => "Overview";
    public virtual string TagHistory => "History";
    public virtual string PullWith => "Tool";
    public virtual string ByDigest => "By digest, which always is this very image:";
    public virtual string ArtifactFiles => "Content";
    public virtual string FileColumn => "File";
    public virtual string BuiltOn => "Built on";
    public virtual string OfBase => "base";
    public virtual string Author => "Author";
    public virtual string StopSignal => "Stop signal";
    public virtual string HealthCheck => "Health check";
    public virtual string Labels => "Labels";
    public virtual string Artifact => "Artifact";
    public virtual string ArtifactType => "Type";
    public virtual string MediaType => "Media type of the manifest";
    public virtual string SaysSomethingAbout => "Says something about";
    public virtual string TheIndex => "Index";
    public virtual string Manifest => "Manifest";
    public virtual string Config => "Config";
    public virtual string Download => "Download";
    public virtual string NotAll => "This is the beginning. Download it for the rest.";

    public virtual string Missing => "missing";
    public virtual string NotStored => "not stored here";
    public virtual string NotStoredHelp => "Clients fetch this layer from elsewhere";
    public virtual string FixedDate => "(a fixed date)";

    public virtual string ImageFor(string platform) => $"Image for {platform}";

    public virtual string MissingImage(string platform) =>
        $"The image for {platform} is missing. The index lists it, but it was deleted, or never pushed: "
        + "nobody can pull it.";

    public virtual string SomeMissing(int missing, int all) =>
        $"{Whole(missing)} of {Whole(all)} images {(missing == 1 ? "is" : "are")} missing";

    public virtual string BaseLayers(int layers, bool isHere) => layers switch
    {
        1 => "· the lowest layer is its",
        > 1 => $"· the {Whole(layers)} lowest layers are its",
        _ => isHere ? "· its layers are not the lowest ones any more" : "· which is not in this registry for you",
    };

    public virtual string MoreInJson(int count) => $"and {Whole(count)} more, in the JSON";

    public virtual string BuildSteps(int count) => count == 1 ? "1 build step" : $"{Whole(count)} build steps";

    // Layers and space
    public virtual string WhoElse => "Also in";
    public virtual string LayerHolders => "Other images with this layer";
    public virtual string LayerHoldersText => "Other images with the layer, as far as you may see them";
    public virtual string NoLayerHolders => "No other image has it";
    public virtual string NoLayerHoldersText => "No other image that you may see has this layer.";
    public virtual string RepositoryColumn => "Repository";
    public virtual string AndMore => "and more";
    public virtual string IfTagGoes => "If this tag is deleted";
    public virtual string IfImageGoes => "If this image is deleted";
    public virtual string CountFreed => "See what that would free";
    public virtual string AskDeletion => "Delete the tag…";

    public virtual string WhoElseHas(int layer) => $"Also in: other images with layer {layer}";

    public virtual string StaysShared(long bytes) => $"{Size(bytes)} stays: other images need it too.";

    // Artifacts and referrers
    public virtual string KindColumn => "Kind";
    public virtual string ReferrersTab => "Referrers";
    public virtual string NoReferrers => "Nothing refers to this";
    public virtual string NoReferrersText =>
        "Signatures, bills of materials and attestations that are pushed for it appear here. To sign it:";
    public virtual string ReferrersText =>
        "What has been pushed about this. Berth shows it as it is; only signatures are verified, where that is said.";
    public virtual string MoreReferrers => "There are more than are shown.";
    public virtual string AttachedBy => "Attached by the tag";
    public virtual string Says => "Says";
    public virtual string SignedBy => "Signed by";
    public virtual string NotVerified => "not verified";
    public virtual string Signatures => "Signatures";
    public virtual string SignaturesText =>
        "Verified by the keys, identities and policies that are trusted here. Only these say who signed.";
    public virtual string AttestedBy => "Attested by";
    public virtual string Verified => "verified";
    public virtual string SaysTheSigner => ", as the signer says";
    public virtual string ThroughIndex => "through the index";

    public virtual string TrustedBy(string? kind, string name) => kind switch
    {
        "cosign-key" => $"with the key {name}",
        "cosign-keyless" => $"trusted as {name}",
        _ => $"trusted by the policy {name}",
    };

    public virtual string VerdictOf(string verdict) => verdict switch
    {
        "failed" => "failed",
        "untrusted" => "not trusted",
        _ => "not verified yet",
    };

    public virtual string Package => "Package";
    public virtual string Packages => "Packages";
    public virtual string PackagesNotAllRead(string fault) => $"Not all packages may be known: {fault}";
    public virtual string VersionColumn => "Version";
    public virtual string License => "License";

    public virtual string SbomText(string format, long packages) =>
        $"{format} with {Whole(packages)} {(packages == 1 ? "package" : "packages")}";

    public virtual string FirstPackages(int count) => $"The first {Whole(count)}";

    public virtual string ArtifactFault(string fault) => $"Not all of it could be read: {fault}";

    public virtual string KindOf(string kind) => kind switch
    {
        "helm" => "Helm chart",
        "wasm" => "WebAssembly",
        "model" => "Model",
        "sbom" => "Bill of materials (SBOM)",
        "compose" => "Compose project",
        "policy" => "Policy bundle",
        "signature" => "Signature",
        "provenance" => "Provenance",
        "vulnerabilities" => "Vulnerability report",
        "attestation" => "Attestation",
        "cache" => "Build cache",
        "image" => "Image",
        _ => "Artifact",
    };

    // History
    public virtual string HistoryText => "Where the tag pointed, the latest move first";
    public virtual string When => "When";
    public virtual string Who => "Who";
    public virtual string What => "What";
    public virtual string Now => "now";
    public virtual string MoveBack => "Move back";
    public virtual string MoveText => "Whoever pulls the tag from then on gets another image:";
    public virtual string AlreadyThere => "The tag points there already.";
    public virtual string IsGone => "Deleted";

    public virtual string MayNotMove => "You may not push to this repository, so you can't move its tags.";
    public virtual string Keep => "Leave it as it is";

    public virtual string MoveTitle(string tag) => $"Move {tag} back?";

    public virtual string MoveTo(string digest) => $"Move to {digest}";

    public virtual string MadeImmutableBy(string rule) =>
        $"The rule {rule} makes this tag immutable: it does not move.";

    public virtual string TagAction(string action) => action switch
    {
        "push" => "pushed",
        "move" => "moved",
        "copy" => "copied here",
        "restore" => "brought back from the trash",
        "delete" => "deleted",
        _ => $"removed ({action})",
    };
}
