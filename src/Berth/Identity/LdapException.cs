namespace Berth.Identity;

/// <summary>A directory did not answer as it must. The message says how, and holds no password.</summary>
internal sealed class LdapException(string message) : Exception(message);
