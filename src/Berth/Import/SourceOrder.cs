using System.Net.Http.Headers;

namespace Berth.Import;

/// <summary>
/// What holds where somebody else has this server ask a registry: the header that they gave for it, and where requests
/// may go, whatever they and the registry say.
/// </summary>
/// <param name="Authorization">What is sent to the registry itself before it asks for anything; null: nothing.</param>
/// <param name="MayAsk">Whether requests may go to an address: of tokens and redirects, too.</param>
/// <param name="Setting">Where the operator names the addresses.</param>
internal sealed record SourceOrder(
    AuthenticationHeaderValue? Authorization, Func<Uri, bool> MayAsk, string Setting)
{
    /// <summary>The error that requests may not go somewhere.</summary>
    public SourceException Elsewhere(Uri from, Uri to) => new(
        $"{from.Authority} sends clients to {SourceClient.Shown(to.GetLeftPart(UriPartial.Authority))}, which is not "
        + $"in {Setting}: if that is its own, name it there");

    /// <summary>Secrets don't belong into logs and messages.</summary>
    public override string ToString() => Setting;
}
