using Xunit.v3;

namespace Berth.Tests;

/// <summary>
/// Marks tests that need no second run on PostgreSQL and S3: those of the log, the settings or the connection. All
/// others of the folders that <c>test.sh</c> names run on both engines.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class OnceAttribute : Attribute, ITraitAttribute
{
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("runs", "once")];
}

/// <summary>
/// Marks tests of what users, rights and sign-ins do in the database. They run again on PostgreSQL and, unless they are
/// <see cref="InsideAttribute"/>, on the published program.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class AccountsAttribute : Attribute, ITraitAttribute
{
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("about", "accounts")];
}

/// <summary>
/// Marks tests that reach into the registry's own objects, or set what the settings' checks refuse: they can't run on
/// the published program.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class InsideAttribute : Attribute, ITraitAttribute
{
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("runs", "inside")];
}
