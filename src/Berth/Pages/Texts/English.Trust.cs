using Berth.Api;

namespace Berth.Pages;

/// <summary>The page on whose signatures count.</summary>
internal partial class English
{
    public virtual string Trust => "Trusted signers";
    public virtual string TrustText =>
        "Whose signatures of images count: keys of cosign, identities of keyless signatures, and policies of Notary "
        + "Project. After something is removed or replaced, and after a new policy or store of Notary Project, the "
        + "signatures that it concerns have to be verified again, which takes a minute or so: until then they do not "
        + "count. Mandatory policies count only what is trusted in the whole registry.";

    public virtual string NoTrust =>
        "Nothing is trusted in the whole registry, so mandatory policies count no signature.";
    public virtual string NewTrust => "Trust something else";
    public virtual string AddTrust => "Trust it";
    public virtual string TrustNameHelp =>
        "As people call it. Certificates are called ca:NAME, signingAuthority:NAME or tsa:NAME, as policies name them.";

    public virtual string TrustContent => "Content";
    public virtual string TrustContentHelp =>
        "A key or certificates (PEM), a trusted_root.json or a trustpolicy.json. Empty for an identity.";

    public virtual string TrustIssuerHelp =>
        "Of an identity: who vouches for it, such as https://token.actions.githubusercontent.com.";

    public virtual string TrustSubjectHelp =>
        "Of an identity: the name in the certificate. * stands for text without slashes, ** for any text.";

    public virtual IReadOnlyList<(string Value, string Text)> TrustKinds =>
    [
        ("keys", TrustKind("keys")), ("identities", TrustKind("identities")), ("roots", TrustKind("roots")),
        ("stores", TrustKind("stores")), ("policies", TrustKind("policies")),
    ];

    public virtual string NoTrustIn(string space) =>
        $"Nothing is trusted in {space} alone: only what the whole registry trusts counts there.";

    public virtual string TrustList(string space) =>
        space.Length == 0 ? "What is trusted in the whole registry" : $"What is trusted in {space}";

    public virtual string TrustKind(string kind) => kind switch
    {
        "keys" => "Key (cosign)",
        "identities" => "Identity (keyless)",
        "roots" => "Trusted root (Sigstore)",
        "stores" => "Certificates (Notary Project)",
        _ => "Policy (Notary Project)",
    };

    public virtual Warning RemoveTrust(TrustView one) => new(
        $"Stop trusting {one.Name}?", "Remove it", "Signatures that only it verified no longer count.");
}
