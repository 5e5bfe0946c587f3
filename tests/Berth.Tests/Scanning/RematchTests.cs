using System.Diagnostics;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Scanning;
using Berth.Vulnerabilities;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Scanning;

/// <summary>When the data moves, every image is compared again, in little time: 10,000 in the long run.</summary>
[Inside]
public sealed class RematchTests
{
    private const int PackagesPerImage = 200;

    /// <summary>As many as images of five distributions in many versions have, and their programs.</summary>
    private static readonly int Packages = TestRounds.Of(2_000, 20_000);

    /// <summary>A machine with others on it takes longer than the minute that is promised.</summary>
    private static readonly TimeSpan Enough = TimeSpan.FromMinutes(2);

    private static readonly int Images = TestRounds.Of(100, 10_000);

    private const string Counted = "SELECT count(*) FROM image_scan WHERE counted = count_due AND high = 60";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_images_are_compared_again_without_reading_a_layer()
    {
        await using var known = await StartAsync();
        var database = known.Registry.Services.GetRequiredService<Database>();
        await database.WriteAsync(FillAsync, isDurable: false, Stop);

        // Each tenth package has some, as those of a Debian image do.
        await known.TellAsync([.. Records(fixedIn: "2.0.0")]);
        Assert.Equal(Images, await NumberAsync(Counted));
        await known.TellAsync([.. Records(fixedIn: "3.0.0")]);
        Assert.Equal(Images, await NumberAsync(Counted));

        // The same again, with a clock.
        await database.WriteAsync(
            session => session.RunAsync("UPDATE package SET matched_with = 0"), isDurable: false, Stop);
        await database.WriteAsync(
            session => session.RunAsync("UPDATE image_scan SET count_due = count_due + 1"), isDurable: false, Stop);
        var matching = known.Registry.Services.GetRequiredService<PackageMatching>();
        using var file = known.Registry.Services.GetRequiredService<VulnerabilityData>().Open()!;
        var began = Stopwatch.GetTimestamp();
        await matching.MatchAsync(file, 1_000_000, Pace.Full, Stop);
        await matching.CountAsync(Pace.Full, Stop);
        var took = Stopwatch.GetElapsedTime(began);
        TestContext.Current.TestOutputHelper!.WriteLine($"{Images} images: {took.TotalSeconds:F1} s");
        Assert.Equal(0, await NumberAsync("SELECT count(*) FROM package WHERE matched_with < 1000000"));
        Assert.True(took < Enough, $"{Images} images took {took}");

        async Task<long?> NumberAsync(string sql) =>
            await database.ReadAsync(session => session.NumberAsync(sql), Stop);
    }

    private static IEnumerable<string> Records(string fixedIn) =>
        from package in Enumerable.Range(0, Packages / 10)
        from number in Enumerable.Range(0, 3)
        select Record($"GHSA-{package}-{number}", "npm", $"package-{package * 10}", fixedIn);

    private static async ValueTask<bool> FillAsync(Session session)
    {
        await session.RunAsync(
            $"""
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {Packages - 1})
            INSERT INTO package (id, type, name, version, ecosystem, source, source_version)
            SELECT 100000 + i, 'npm', 'package-' || CAST(i AS TEXT), '1.0.0', '', 'package-' || CAST(i AS TEXT), '1.0.0'
            FROM n
            """);
        await session.RunAsync(
            $"""
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {Images - 1})
            INSERT INTO image_scan (id, digest, state, due_at, attempts, looks, form, ecosystem, packages, is_complete)
            SELECT 100000 + i, 'sha256:' || CAST(i AS TEXT), 'read', {long.MaxValue}, 0, 0, 1000, '', 200, 1 FROM n
            """);
        await session.RunAsync(
            $"""
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {Images - 1}),
                m (j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM m WHERE j < {PackagesPerImage - 1})
            INSERT INTO image_package (image_id, package_id, layer)
            SELECT 100000 + i, 100000 + (i * 37 + j) % {Packages}, 0 FROM n, m
            """);
        return true;
    }
}
