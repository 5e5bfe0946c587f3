namespace Berth.Metadata;

/// <summary>Who changes something.</summary>
/// <param name="Name">An account's name, or what acts by itself.</param>
/// <param name="Address">The address that the request came from; null if there was none.</param>
internal readonly record struct Actor(string Name, string? Address = null);
