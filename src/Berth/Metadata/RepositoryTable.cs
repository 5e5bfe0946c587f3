using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The repositories. A row is added by the first upload, and listed once it holds a manifest.</summary>
internal sealed class RepositoryTable(Database database, TimeProvider clock)
{
    /// <summary>Walks a dedicated index that contains only listed repositories.</summary>
    public const string ListStatement =
        "SELECT name FROM repository WHERE name > $1 AND listed = 1 ORDER BY name LIMIT $2 OFFSET $3";

    private readonly BoundedCache<long> ids = new(maxCost: 100_000);

    public ValueTask<long?> FindAsync(RepositoryName name, CancellationToken cancellation) =>
        ids.TryGet(name.Text, out var cached) ? new ValueTask<long?>(cached) : LoadAsync(name, cancellation);

    public async ValueTask<long> FindOrAddAsync(Session session, RepositoryName name)
    {
        if (await FindAsync(session, name) is { } id) return id;
        await session.RunAsync("INSERT INTO repository (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            name.Text, clock.GetUtcNow().ToUnixTimeMilliseconds());
        return (await FindAsync(session, name))!.Value;
    }

    /// <summary>Names after <paramref name="last"/> in ordinal order, of repositories that hold a manifest.</summary>
    public ValueTask<List<string>> ListAsync(string last, int count, int skip, CancellationToken cancellation) =>
        database.ReadAsync(s => s.AllAsync(ListStatement, row => row.GetString(0), last, count, skip), cancellation);

    /// <summary>Whether anything was pushed: an unfinished upload leaves a row, but no visible repository.</summary>
    public async ValueTask<bool> HasContentAsync(long id, CancellationToken cancellation) => await database.ReadAsync(
        s => s.NumberAsync(
            """
            SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1)
                OR EXISTS (SELECT 1 FROM repository_blob WHERE repository_id = $1)
            """,
            id),
        cancellation) == 1;

    public static ValueTask<long?> FindAsync(Session session, RepositoryName name) =>
        session.NumberAsync("SELECT id FROM repository WHERE name = $1", name.Text);

    private async ValueTask<long?> LoadAsync(RepositoryName name, CancellationToken cancellation)
    {
        var id = await database.ReadAsync(s => FindAsync(s, name), cancellation);
        if (id is { } found) ids.Set(name.Text, found, cost: 1);
        return id;
    }
}
