using Berth.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>The usage that triggers maintain, beside one that is counted anew.</summary>
internal static class UsageCount
{
    /// <summary>What namespaces and repositories keep, which must be what is linked there.</summary>
    public static async Task<Dictionary<string, long>> ReadAsync(RegistryFixture registry) =>
        await registry.Services.GetRequiredService<Database>().ReadAsync(ReadAsync);

    /// <summary>The same in a database.</summary>
    public static async ValueTask<Dictionary<string, long>> ReadAsync(Session session)
    {
        var links = await session.AllAsync(
            """
            SELECT r.name, l.digest, l.size_bytes FROM repository_blob l
            JOIN repository r ON r.id = l.repository_id
            """,
            row => (Name: row.GetString(0), Digest: row.GetString(1), Size: row.GetInt64(2)));
        var repositories = await session.AllAsync(
            """
            SELECT r.name, u.used_bytes FROM repository_usage u JOIN repository r ON r.id = u.repository_id
            WHERE u.used_bytes <> 0
            """,
            row => (row.GetString(0), row.GetInt64(1)));
        Assert.Equal(
            links.GroupBy(l => l.Name).Select(g => (g.Key, g.Sum(l => l.Size))).Order(), repositories.Order());
        var spaces = await session.AllAsync(
            "SELECT namespace, used_bytes FROM namespace_usage WHERE used_bytes <> 0",
            row => (row.GetString(0), row.GetInt64(1)));
        var blobs = links.GroupBy(l => (Space: l.Name.Split('/')[0], l.Digest)).ToList();
        Assert.Equal(
            blobs.GroupBy(b => b.Key.Space).Select(g => (g.Key, g.Sum(b => b.First().Size))).Order(),
            spaces.Order());
        var counted = await session.AllAsync(
            "SELECT namespace, digest, size_bytes, links FROM namespace_blob",
            row => (row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3)));
        Assert.Equal(
            blobs.Select(b => (b.Key.Space, b.Key.Digest, b.First().Size, (long)b.Count())).Order(),
            counted.Order());
        return spaces.ToDictionary(one => one.Item1, one => one.Item2);
    }
}
