using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>What is said of a push.</summary>
/// <param name="IsRefusal">Whether it is refused; else it is a warning.</param>
/// <param name="Text">Why, and what to do.</param>
internal sealed record PushWord(bool IsRefusal, string Text);

/// <summary>Says what may be pushed, besides what is valid.</summary>
internal interface IPushRules
{
    /// <summary>What is said of a push; null if nothing.</summary>
    /// <param name="push">The push.</param>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="facts">What its config says.</param>
    /// <param name="cancellation">Gives up.</param>
    ValueTask<PushWord?> OfPushAsync(
        ManifestPush push, Manifest manifest, ImageFacts facts, CancellationToken cancellation);
}
