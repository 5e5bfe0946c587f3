using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The repositories. A row comes with the first upload, and is listed once it holds a manifest.</summary>
internal sealed class RepositoryTable(Database database, TimeProvider clock)
{
    private readonly BoundedCache<long> ids = new(maxCost: 100_000);

    public long? Find(RepositoryName name)
    {
        if (ids.TryGet(name.Text, out var cached)) return cached;
        var id = database.Read(s => Find(s, name));
        if (id is { } found) ids.Set(name.Text, found, cost: 1);
        return id;
    }

    public long FindOrAdd(Session session, RepositoryName name)
    {
        if (Find(session, name) is { } id) return id;
        session.Run("INSERT INTO repository (name, created_at) VALUES (@1, @2)",
            name.Text, clock.GetUtcNow().ToUnixTimeMilliseconds());
        return Find(session, name)!.Value;
    }

    /// <summary>Names after <paramref name="last"/> in ordinal order, of repositories that hold a manifest.</summary>
    public List<string> List(string last, int count) => database.Read(s => s.All(
        """
        SELECT name FROM repository r
        WHERE name > @1 AND EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id)
        ORDER BY name LIMIT @2
        """,
        row => row.GetString(0), last, count));

    /// <summary>
    /// Whether anything was pushed: an upload that never ended leaves a row, but no repository to be seen.
    /// </summary>
    public bool HasContent(long id) => database.Read(s => s.Number(
        """
        SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id = @1)
            OR EXISTS (SELECT 1 FROM repository_blob WHERE repository_id = @1)
        """,
        id) == 1);

    public static long? Find(Session session, RepositoryName name) =>
        session.Number("SELECT id FROM repository WHERE name = @1", name.Text);
}
