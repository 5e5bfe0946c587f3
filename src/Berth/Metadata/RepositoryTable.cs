using System.Runtime.CompilerServices;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The repositories. A row is added by the first upload, and listed once it holds a manifest.</summary>
internal sealed class RepositoryTable(Database database, TimeProvider clock)
{
    /// <summary>Walks a dedicated index that contains only listed repositories.</summary>
    public const string ListStatement =
        "SELECT name FROM repository WHERE name > $1 AND listed = 1 ORDER BY name LIMIT $2 OFFSET $3";

    private const int NamesPerPage = 1000;

    private readonly BoundedCache<long> ids = new(maxCost: 100_000);

    public ValueTask<long?> FindAsync(RepositoryName name, CancellationToken cancellation) =>
        ids.TryGet(name.Text, out var cached) ? new ValueTask<long?>(cached) : LoadAsync(name, cancellation);

    /// <param name="session">A write.</param>
    /// <param name="name">Its name.</param>
    /// <param name="isPrivate">Whether a new one is, whatever its namespace says.</param>
    public async ValueTask<long> FindOrAddAsync(Session session, RepositoryName name, bool isPrivate = false)
    {
        var known = await session.NumberAsync(
            "SELECT id FROM repository WHERE name = $1 AND deleted_at IS NULL", name.Text);
        if (known is { } id) return id;

        // One in the trash begins anew: as private or public as any in its namespace, and nothing is said of it.
        if (await FindAsync(session, name) is { } old) await DescribedRepositoryTable.ForgetAsync(session, old);
        var isPublic = await session.NumberAsync(
            """
            INSERT INTO repository (name, created_at, is_public)
            VALUES ($1, $2, coalesce((SELECT makes_public FROM account WHERE name = $3), 0) * $4)
            ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at, is_public = excluded.is_public,
                deleted_at = NULL WHERE repository.deleted_at IS NOT NULL
            RETURNING is_public
            """,
            name.Text, clock.GetUtcNow().ToUnixTimeMilliseconds(), name.Namespace,
            isPrivate ? 0 : 1);
        if (isPublic == 1) await AccessVersion.AdvanceAsync(session);
        await RedirectTable.RemoveAsync(session, name);
        var added = (await FindAsync(session, name))!.Value;
        await SearchWordTable.IndexNameAsync(session, added);
        return added;
    }

    /// <summary>
    /// Brings one back from the trash with what is said of it. False if it is there, perhaps made anew meanwhile.
    /// </summary>
    public static async ValueTask<bool> ReturnAsync(Session session, long id, bool isPublic)
    {
        await SearchPendingTable.AddAsync(session, id);
        return await session.RunAsync(
            "UPDATE repository SET deleted_at = NULL, is_public = $2 WHERE id = $1 AND deleted_at IS NOT NULL",
            id, isPublic ? 1 : 0) > 0;
    }

    /// <summary>Names after <paramref name="last"/> in ordinal order, of repositories that hold a manifest.</summary>
    public ValueTask<List<string>> ListAsync(string last, int count, int skip, CancellationToken cancellation) =>
        database.ReadAsync(s => s.AllAsync(ListStatement, row => row.GetString(0), last, count, skip), cancellation);

    /// <summary>
    /// Whether anything was pushed: an unfinished upload leaves a row, but no visible repository. One in the trash is
    /// not there either.
    /// </summary>
    public async ValueTask<bool> HasContentAsync(long id, CancellationToken cancellation) => await database.ReadAsync(
        s => s.NumberAsync(
            """
            SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1)
                OR (EXISTS (SELECT 1 FROM repository_blob WHERE repository_id = $1)
                    AND EXISTS (SELECT 1 FROM repository WHERE id = $1 AND deleted_at IS NULL))
            """,
            id),
        cancellation) == 1;

    /// <summary>
    /// Names of public repositories after <paramref name="last"/> and before <paramref name="end"/>, by an index that
    /// has no others.
    /// </summary>
    public static ValueTask<List<string>> ListPublicAsync(Session session, string last, string end, int count) =>
        session.AllAsync(
            """
            SELECT name FROM repository WHERE name > $1 AND name < $2 AND is_public = 1 AND listed = 1
            ORDER BY name LIMIT $3
            """,
            row => row.GetString(0), last, end, count);

    /// <summary>
    /// Names after <paramref name="last"/> in ordinal order, from one and before another, of repositories that hold a
    /// manifest.
    /// </summary>
    public static ValueTask<List<string>> ListBetweenAsync(
        Session session, string last, string start, string end, int count) => session.AllAsync(
            """
            SELECT name FROM repository WHERE name > $1 AND name >= $2 AND name < $3 AND listed = 1
            ORDER BY name LIMIT $4
            """,
            row => row.GetString(0), last, start, end, count);

    /// <summary>The repositories that hold a manifest and that a pattern matches, in order.</summary>
    public async IAsyncEnumerable<RepositoryName> MatchingAsync(
        NamePattern pattern, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (start, end) = pattern.Range;
        for (var last = ""; ;)
        {
            var names = await database.ReadAsync(
                session => ListBetweenAsync(session, last, start, end, NamesPerPage), cancellation);
            foreach (var name in names)
            {
                if (pattern.Matches(name)) yield return RepositoryName.Parse(name);
            }

            if (names.Count < NamesPerPage) yield break;
            last = names[^1];
        }
    }

    public static async ValueTask<bool> IsPublicAsync(Session session, string name) =>
        await session.NumberAsync("SELECT is_public FROM repository WHERE name = $1", name) == 1;

    public static ValueTask<long?> FindAsync(Session session, RepositoryName name) =>
        session.NumberAsync("SELECT id FROM repository WHERE name = $1", name.Text);

    /// <summary>Whether there is one that is not in the trash.</summary>
    public async ValueTask<bool> ExistsAsync(RepositoryName name, CancellationToken cancellation) =>
        await database.ReadAsync(s => ExistsAsync(s, name), cancellation);

    public static async ValueTask<bool> ExistsAsync(Session session, RepositoryName name) =>
        await session.NumberAsync(
            "SELECT 1 FROM repository WHERE name = $1 AND deleted_at IS NULL", name.Text) is not null;

    private async ValueTask<long?> LoadAsync(RepositoryName name, CancellationToken cancellation)
    {
        var id = await database.ReadAsync(s => FindAsync(s, name), cancellation);
        if (id is { } found) ids.Set(name.Text, found, cost: 1);
        return id;
    }
}
