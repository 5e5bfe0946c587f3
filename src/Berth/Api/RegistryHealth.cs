namespace Berth.Api;

/// <summary>What the checks of this node find, for the API: they know all parts, and it does not.</summary>
/// <param name="FindProblemAsync">Why pulls (true) or pushes are not served; null if they are.</param>
/// <param name="FindWarning">What needs somebody's attention although all is served; null if nothing does.</param>
internal sealed record RegistryHealth(Func<bool, Task<string?>> FindProblemAsync, Func<string?> FindWarning);
