using Berth.Metadata;
using Berth.Oci;

namespace Berth.Access;

/// <summary>
/// Curated images are in the namespace <c>library</c>, and a name without a namespace finds them: reading <c>nginx</c>
/// reads <c>library/nginx</c> if the caller sees no <c>nginx</c>.
/// </summary>
internal sealed class OfficialNames(AccessRules access, RepositoryTable repositories)
{
    public const string Namespace = "library";

    public const string Prefix = Namespace + "/";

    /// <summary>The repository that a caller means by a name that they read from.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public ValueTask<RepositoryName> ResolveAsync(
        Caller caller, RepositoryName name, CancellationToken cancellation) =>
        name.Text.Contains('/', StringComparison.Ordinal)
        || !RepositoryName.TryParse(Prefix + name.Text, out var official)
            ? new ValueTask<RepositoryName>(name)
            : ResolveAsync(caller, name, official, cancellation);

    private async ValueTask<RepositoryName> ResolveAsync(
        Caller caller, RepositoryName name, RepositoryName official, CancellationToken cancellation)
    {
        // What a token covers is checked for the name that was asked for.
        if (caller.Scopes is not null) caller = caller with { Scopes = null };
        return !await IsSeenAsync(caller, name, cancellation) && await IsSeenAsync(caller, official, cancellation)
            ? official
            : name;
    }

    /// <summary>The rights first, so that what is hidden takes as long as what is absent.</summary>
    private async ValueTask<bool> IsSeenAsync(Caller caller, RepositoryName name, CancellationToken cancellation) =>
        await access.AskAsync(caller, AccessAction.Pull, name, cancellation) == AccessAnswer.Allowed
        && await repositories.FindAsync(name, cancellation) is not null;
}
