using Berth.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Which repositories the catalog lists, and what it costs to find them.</summary>
[Inside]
public class CatalogMarkTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_repository_is_listed_from_its_first_manifest_to_its_last()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a", "blobs-only");
        script["index"] = Images.Index("");
        await script.PlayAsync(
            """
            POST /v2/upload-only/blobs/uploads/
              202
            GET /v2/_catalog
              200
              < {"repositories":[]}
            PUT /v2/a/manifests/one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            PUT /v2/a/manifests/two
              Content-Type: application/vnd.oci.image.index.v1+json
              > {index}
              201
            DELETE /v2/a/manifests/{sha256 image}
              202
            GET /v2/_catalog
              200
              < {"repositories":["a"]}
            DELETE /v2/a/manifests/two
              202
            GET /v2/_catalog
              200
              < {"repositories":["a"]}
            DELETE /v2/a/manifests/{sha256 index}
              202
            GET /v2/_catalog
              200
              < {"repositories":[]}
            PUT /v2/a/manifests/one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/_catalog
              200
              < {"repositories":["a"]}
            """);
    }

    [Fact]
    public async Task A_page_of_the_catalog_reads_no_repository_that_is_not_listed()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var database = registry.Services.GetRequiredService<Database>();
        var plan = await database.ReadAsync(async session =>
        {
            if (!TestEngines.IsPostgres)
            {
                return await session.AllAsync(
                    $"EXPLAIN QUERY PLAN {RepositoryTable.ListStatement}", row => row.GetString(3), "", 2, 0);
            }

            // An empty table is read as a whole; what counts is that the index can be used.
            await session.RunScriptAsync(
                "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off");
            return await session.AllAsync(
                $"EXPLAIN {RepositoryTable.ListStatement}", row => row.GetString(0), "", 2, 0);
        }, Stop);
        var step = Assert.Single(plan, line => line.Contains("repository", StringComparison.Ordinal)
            && !line.Contains("Cond", StringComparison.Ordinal));
        Assert.Contains("repository_listed", step, StringComparison.Ordinal);
        Assert.DoesNotContain(plan, line => line.Contains("B-TREE", StringComparison.Ordinal));
    }
}
