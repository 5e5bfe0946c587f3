using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Vulnerabilities;
using Microsoft.Data.Sqlite;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Scanning;

/// <summary>Whoever looks at an image is told that its distribution gets no more fixes.</summary>
[Inside]
public sealed class EndedSystemTests : IAsyncLifetime
{
    private KnownVulnerabilities known = null!;

    public async ValueTask InitializeAsync() => known = await StartAsync();

    public ValueTask DisposeAsync() => known.DisposeAsync();

    [Fact]
    public async Task An_image_of_a_distribution_that_gets_no_more_fixes_is_told_of()
    {
        foreach (var version in new[] { "12", "13" })
        {
            await known.Images.PushAsync("team/app", version, RawTar.Gzip(new RawTar()
                .File("etc/os-release", $"ID=debian\nVERSION_ID={version}\nPRETTY_NAME=\"Debian {version}\"\n")
                .File("var/lib/dpkg/status", "Package: libssl3\nVersion: 3\n").End()));
            await known.CompareAsync($"team/app:{version}");
        }

        using (var connection = new SqliteConnection(
            $"Data Source={Path.Combine(known.Source, "grype.db")};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = GrypeDatabaseTests.Schema + GrypeDatabaseTests.Rows
                + "UPDATE operating_systems SET eol_date = '2024-06-10 00:00:00+00:00' WHERE id = 4;"
                + "INSERT INTO operating_systems VALUES (9, 'debian', 'debian', '13', '', '', '', '', '2999-01-01');";
            command.ExecuteNonQuery();
        }

        await known.TellAsync(Record("X", "Debian:13", "other", null));
        var ended = await known.Images.AskAsync("12/vulnerabilities?repository=team/app");
        Assert.Equal("2024-06-10", ended.Of("systemEndsAt"));
        var later = await known.Images.AskAsync("13/vulnerabilities?repository=team/app");
        Assert.Equal("2999-01-01", later.Of("systemEndsAt"));
        var said = await AccountCommand.RunAsync(known.Variables, input: "", "scan", "team/app:12");
        Assert.Contains("Debian 12 gets no more fixes since 2024-06-10", said.Errors);
        Assert.DoesNotContain(
            "no more fixes", (await AccountCommand.RunAsync(known.Variables, input: "", "scan", "team/app:13")).Errors);
        await PageShowsAsync("12", "Debian 12 gets no more fixes since 2024-06-10");
    }

    private async Task PageShowsAsync(string tag, string text)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/r/team/app:{tag}/-/vulnerabilities");
        request.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic("admin", AccountsOf.AdminPassword));
        using var answer = await known.Registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Contains(text, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
