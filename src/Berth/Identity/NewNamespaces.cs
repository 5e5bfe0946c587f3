using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Makes an organization of a namespace that nobody has when a user first pushes to it, if
/// <c>repositories.createnamespaceonpush</c> says so. The user is its owner.
/// </summary>
internal sealed class NewNamespaces(
    RepositorySettings settings, AvailableNames names, Database database, AccessChanges changes, AuditLog audit,
    TimeProvider clock)
{
    /// <summary>Whether a caller who may not push yet could by making the namespace.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async ValueTask<bool> MayMakeAsync(
        Caller caller, AccessAction action, RepositoryName repository, CancellationToken cancellation) =>
        settings.CreateNamespaceOnPush && action == AccessAction.Push
        && caller is { Id: not null, Kind: CallerKind.User, Limits: null }
        && AccountName.TryParse(repository.Namespace, out var name) && !name.IsRobot
        && await database.ReadAsync(session => names.IsFreeNamespaceAsync(session, name.Text), cancellation);

    /// <summary>Makes it, unless it was made in the meantime.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task MakeAsync(HttpContext http, Caller caller, RepositoryName repository)
    {
        var isMade = await changes.RunAsync(
            async session =>
            {
                var now = clock.GetUtcNow();
                var account = new AccountRow(0, AccountKinds.Organization, repository.Namespace)
                {
                    CreatedAt = now,
                    CreatedBy = caller.Name,
                };
                if (!await names.IsFreeNamespaceAsync(session, repository.Namespace)) return false;
                if (await AccountTable.AddAsync(session, account) is not { } made) return false;
                await OrganizationTable.PutMemberAsync(
                    session, made.Id, caller.Id!.Value, Roles.Word(Role.Owner), now, caller.Name);
                return true;
            },
            http.RequestAborted);
        if (isMade) audit.Note(http, "make-namespace", isDone: true, e => e with { Target = repository.Namespace });
    }
}
