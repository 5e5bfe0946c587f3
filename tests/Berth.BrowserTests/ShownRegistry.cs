using System.Text.Json;
using Berth.Metadata;
using Berth.Tests;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.BrowserTests;

/// <summary>A registry as a small company might have it, for the pictures of the docs.</summary>
internal static class ShownRegistry
{
    private static readonly (string Name, string Text, bool IsPublic, int Pulls, string[] Tags)[] Repositories =
    [
        ("acme/shop", "The shop: pages, basket and checkout", true, 18_240,
            ["2.3.0", "2.3.1", "2.4.0", "2.4.1", "latest", "main-3f1c9ab"]),
        ("acme/shop-worker", "Sends mails and invoices for the shop", false, 9_112, ["2.4.0", "2.4.1", "latest"]),
        ("acme/search", "Finds products", false, 7_530, ["1.9.2", "1.10.0"]),
        ("acme/gateway", "Where requests come in", false, 21_004, ["5.0.0", "5.0.1", "latest"]),
        ("demo/hello", "Says hello. A first image to pull", true, 1_204, ["1.0", "latest"]),
        ("demo/static-site", "A web server for a folder of files", true, 640, ["3.2"]),
        ("tools/backup", "Copies databases to a bucket every night", false, 312, ["0.8.0", "0.8.1"]),
    ];

    private static readonly string[] OfTags = ["tag", "tag_history"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task FillAsync(RegistryFixture registry)
    {
        var admin = new ImagePusher(registry, "admin");
        var images = new ContentImages(registry);
        foreach (var name in new[] { "acme", "demo", "tools" })
            await admin.ApiAsync("POST", "/organizations", $$"""{"name":"{{name}}","owner":"admin"}""", 201);
        foreach (var (name, text, isPublic, _, tags) in Repositories)
        {
            foreach (var (index, tag) in tags.Index())
            {
                // The latest is the version before it.
                var build = tag == "latest" ? index - 1 : index;
                await PushAsync(images, name, tag, tags[build], build);
            }

            await admin.ApiAsync(
                "PATCH", $"/repositories/{name}",
                $$"""{"description":"{{text}}","isPublic":{{(isPublic ? "true" : "false")}} }""", 200);
        }

        await admin.ApiAsync("PATCH", "/repositories/acme/shop", JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["readme"] = """
                # Shop

                Listens on port **8080** and needs a PostgreSQL database.

                ```sh
                docker run -p 8080:8080 -e DATABASE_URL=postgres://… registry.example/acme/shop:2.4.1
                ```

                | Tag | For |
                | --- | --- |
                | `2.4.1` | production |
                | `main-…` | each commit |
                """,
        }), 200);
        foreach (var star in new[] { "acme/shop", "acme/gateway", "demo/hello" })
            await admin.ApiAsync("PUT", $"/stars/{star}", null, 204);
        await images.SeeAsync("2.4.1/files?repository=acme/shop");
        await SpreadAsync(registry);
    }

    /// <summary>Images for two platforms, of layers that most of them share.</summary>
    private static async Task PushAsync(
        ContentImages images, string name, string tag, string version, int build)
    {
        var system = new RawTar().Folder("etc").File("etc/os-release", "NAME=Debian\n").Folder("usr").Folder("usr/bin")
            .Entry("usr/bin/env", Bytes(48_000, 1))
            .Folder("usr/lib").Entry("usr/lib/libc.so.6", Bytes(190_000, 2)).End();
        var app = new RawTar().Folder("app").Entry("app/server", Bytes(61_000 + build * 1_100, 3 + build))
            .File("app/config.yml", $"name: {name}\nversion: {version}\nport: 8080\n")
            .Folder("app/public").File("app/public/index.html", $"<title>{name}</title>\n").End();
        var made = new List<(string, string)>();
        foreach (var architecture in new[] { "amd64", "arm64" })
        {
            var platform = $$"""{"os":"linux","architecture":"{{architecture}}"}""";
            made.Add((await images.PushAsync(
                name, null, ConfigOf(name, version, architecture), (RawTar.Gzip(system), ContentImages.LayerType),
                (RawTar.Gzip(app), ContentImages.LayerType)), platform));
        }

        await images.PushIndexAsync(name, tag, [.. made]);
    }

    private static string ConfigOf(string name, string version, string architecture) => $$"""
        {"os":"linux","architecture":"{{architecture}}","created":"2026-11-20T10:00:00Z","config":{"User":"65532",
        "Env":["PATH=/usr/bin:/app","PORT=8080"],"Entrypoint":["/app/server"],"ExposedPorts":{"8080/tcp":{} },
        "WorkingDir":"/app","Labels":{"org.opencontainers.image.title":"{{name}}",
        "org.opencontainers.image.version":"{{version}}","org.opencontainers.image.licenses":"Apache-2.0",
        "org.opencontainers.image.base.name":"docker.io/library/debian:12-slim"} },
        "history":[{"created_by":"COPY rootfs / # debian:12-slim"},{"created_by":"COPY --link app /app"},
        {"created_by":"USER 65532","empty_layer":true},
        {"created_by":"ENTRYPOINT [\"/app/server\"]","empty_layer":true}]}
        """;

    /// <summary>Bytes that compress to half, the same each time.</summary>
    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes.AsSpan(0, count / 2));
        return bytes;
    }

    /// <summary>As if it had been pushed and pulled over some weeks.</summary>
    private static async Task SpreadAsync(RegistryFixture registry)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var today = now / 86_400_000;
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                foreach (var (index, (name, _, _, pulls, tags)) in Repositories.Index())
                {
                    await session.RunAsync("UPDATE repository SET pulls = $1, created_at = $2 WHERE name = $3", pulls,
                        now - 7_000_000_000 + (index * 90_000_000L), name);
                    foreach (var (age, tag) in tags.Reverse().Index())
                    {
                        await session.RunAsync(
                            """
                            UPDATE manifest SET pushed_at = $1
                            WHERE repository_id = (SELECT id FROM repository WHERE name = $2) AND digest =
                                (SELECT digest FROM tag WHERE name = $3 AND repository_id = manifest.repository_id)
                            """,
                            now - (index * 9_000_000L) - 400_000 - (age * 50_000_000L), name, tag);
                    }

                    for (var day = 0; day < 30; day++)
                    {
                        await session.RunAsync(
                            """
                            INSERT INTO pull_day (repository_id, day, pulls)
                            SELECT id, $1, $2 FROM repository WHERE name = $3
                            """,
                            today - day, pulls / 40 + (day * 37 + index * 11) % 29 * pulls / 900, name);
                    }
                }

                foreach (var table in OfTags)
                {
                    await session.RunAsync(
                        $"""
                        UPDATE {table} SET moved_at = coalesce((SELECT pushed_at FROM manifest
                            WHERE manifest.repository_id = {table}.repository_id AND manifest.digest = {table}.digest),
                            moved_at)
                        """);
                }

                await session.RunAsync("UPDATE tag SET pulled_at = moved_at + ($1 - moved_at) * 7 / 8", now);
                return true;
            },
            isDurable: false, Stop);
    }
}
