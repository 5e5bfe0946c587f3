namespace Berth.Api;

/// <summary>The fields of images and their tags.</summary>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfImages = new(StringComparer.Ordinal)
    {
        ["TagView.platforms"] = "What its image is for, such as linux/amd64; absent while that has not been read.",
        ["contentBytes"] =
            "The bytes of configs and layers, as stored, of all platforms; absent while that has not been read.",
        ["builtAt"] = "When its image was built, as its config says.",
        ["artifactType"] = "What an artifact is; of an image, the type of its config.",
        ["ImageView.digest"] = "The manifest.",
        ["ImageView.sizeBytes"] = "The manifest's own bytes.",
        ["ImageView.tags"] = "The tags that point to it, at most 100.",
        ["ImageView.pulledAt"] = "When it was last pulled by its digest, to the minute.",
        ["subject"] = "The manifest that it says something about.",
        ["ImageView.platforms"] = "What an index has, attestations last; none for others.",
        ["annotations"] = "Those of the manifest.",
        ["config"] = "What the image's config says; absent for other artifacts.",
        ["layers"] = "The layers, from the lowest; of other artifacts, their files.",
        ["platform"] = "Such as linux/arm64; empty for attestations, and for what else is for none.",
        ["attestationOf"] = "The child that it says something about; absent if it is an image itself.",
        ["PlatformView.digest"] = "The child's manifest.",
        ["ConfigView.digest"] = "The config.",
        ["ConfigView.createdAt"] = "When it was built.",
        ["author"] = "Who built it.",
        ["ConfigView.user"] = "As whom it runs.",
        ["workingDirectory"] = "Where it runs.",
        ["entryPoint"] = "What it runs.",
        ["command"] = "What it runs that with, or without an entry point runs.",
        ["environment"] = "Variables, as NAME=value.",
        ["ports"] = "The ports that it listens on.",
        ["volumes"] = "Folders to keep outside of it.",
        ["stopSignal"] = "The signal that stops it.",
        ["healthCheck"] = "The command that tells whether a container works; absent: there is none.",
        ["labels"] = "Labels of the config.",
        ["history"] = "The steps by which it was built.",
        ["instruction"] = "What was run, or the line of the Dockerfile; absent where the history does not tell.",
        ["BuildStepView.createdAt"] = "When.",
        ["BuildStepView.comment"] = "What the builder says of it.",
        ["layer"] = "The layer that it made; absent if it made none, or the history does not tell.",
        ["ImageView.base"] = "What it was built on; absent: it does not say (org.opencontainers.image.base.name).",
        ["BaseImageView.name"] = "How whoever built the image named it.",
        ["BaseImageView.digest"] = "What that was at that time.",
        ["BaseImageView.repository"] = "A repository that has it, and that the caller may see; absent: there is none.",
        ["BaseImageView.layers"] = "How many of the lowest layers are its; 0 if that is not known.",
        ["LayerView.fileName"] = "What a file of an artifact is called; absent: it does not say.",
        ["LayerView.digest"] = "The blob.",
        ["LayerView.mediaType"] = "Its media type, as the manifest says.",
        ["LayerView.sizeBytes"] = "Its bytes, as stored.",
    };
}
