using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Contents;
using Berth.Tests.Scanning;
using Berth.Tests.Verifying;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Policies;

/// <summary><c>berth policy</c> and <c>berth waiver</c>, and the page about them.</summary>
[Inside]
public sealed class PolicyCommandTests
{
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
        .End());

    private static readonly string Bad =
        Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "LOW", "CVE-2023-1");

    [Fact]
    public async Task The_commands_of_the_page_on_policies_work_as_they_stand()
    {
        await using var known = await StartAsync();
        await new AccountsOf(known.Registry).AddOrganizationAsync("acme");
        await known.Images.PushAsync("acme/app", "1.0", Layer);
        await known.CompareAsync("acme/app:1.0");
        await known.TellAsync(Bad);
        var blocks = DocumentedCommandTests.BlocksOf("docs/policies.md");
        Assert.Equal(4, blocks.Count);
        var script = string.Join('\n', blocks)
            .Replace("https://registry.example.com", known.Registry.BaseAddress.ToString().TrimEnd('/'))
            .Replace("-u ann", $"-u 'admin:{AccountsOf.AdminPassword}'", StringComparison.Ordinal);
        var said = await DocumentedCommandTests.RunAsync(
            known.Registry,
            $$"""
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            curl() { command curl --fail-with-body -sS "$@"; }
            export REGISTRY_VULNERABILITIES_SOURCES='{{known.Source}}'
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            echo '{{new SigningKey().Pem}}' >cosign.pub
            {{script}}
            """);
        Assert.Contains("Policy 1 (mandatory) counts now for acme/**: no vulnerability above high.", said);
        Assert.Contains(
            "Policy 4 (mandatory) counts now for acme/prod/**: signed by release; exempt: robot.acme.signer.\n", said);
        Assert.DoesNotContain("Note: there is no account", said);
        Assert.DoesNotContain("Note: nothing is trusted", said);
        Assert.Contains("Both policies that apply let this image through.", said);
        Assert.Contains("0 of 1 images would be refused.", said);
        Assert.Contains("Policy 3 (mandatory) counts now for acme/**: no licences AGPL-*.", said);
        Assert.Contains("Policy 2 is removed.", said);
        Assert.Contains(
            "all policies pass over CVE-2024-3094 in the package xz-utils, in acme/** "
            + "until the end of 2099-01-31 (UTC).", said);
        Assert.Contains("\"refused\":1", said);
        Assert.Contains("\"on\":\"promotion\"", said);
    }

    [Fact]
    public async Task A_test_exits_with_3_if_something_is_refused_and_says_why_and_to_whom()
    {
        await using var known = await StartAsync();
        var accounts = new AccountsOf(known.Registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", "long enough"), "acme/**", "pull");
        await known.Images.PushAsync("acme/app", "1", Layer);
        await known.CompareAsync("acme/app:1");
        await known.TellAsync(Bad);
        var planned = (await RunAsync("policy", "test", "--names", "acme/**", "--max-severity", "none")).Is(3);
        Assert.Contains("acme/app:1 (sha256:", planned.Output);
        Assert.Contains("it has CVE-2023-1 (low) in libssl3 3.0.9-1, fixed in 3.0.11-1", planned.Output);
        Assert.Contains("acme/app: refused to ann", planned.Output);
        Assert.Contains("1 of 1 images would be refused.", planned.Output);
        (await RunAsync("policy", "add", "acme/**", "--max-severity", "none")).Is(0);
        var refused = (await RunAsync("policy", "test", "acme/app:1")).Is(3);
        Assert.Contains("refused by policy 1: it has CVE-2023-1", refused.Output);
        Assert.Contains(
            "the options replace the whole policy",
            (await RunAsync("policy", "replace", "1", "--max-severity", "low")).Is(2).Errors);
        Assert.Contains(
            "no vulnerability above low or that is exploited, with a fix older than 14 days; exempt: ann",
            (await RunAsync(
                "policy", "replace", "1", "--names", "acme/**", "--max-severity", "low", "--no-exploited",
                "--fix-grace", "14d", "--exempt", "ann")).Is(0).Output);
        Assert.Contains("MANDATORY", (await RunAsync("policy", "list")).Is(0).Output);
        (await RunAsync("policy", "test", "acme/app:1")).Is(0);
        Assert.Contains(
            "asks for nothing", (await RunAsync("policy", "add", "acme/**", "--only-fixable")).Is(1).Errors);
        Assert.Contains("name an image", (await RunAsync("policy", "test")).Errors);
        Assert.Contains("or a date: ", (await WaiveAsync("tomorrow or so")).Is(2).Errors);
        Assert.Contains("in the past", (await WaiveAsync("2020-01-31")).Is(2).Errors);

        // A date is the last day, as on the page.
        Assert.Contains("until the end of 2099-01-31 (UTC).", (await WaiveAsync("2099-01-31")).Is(0).Output);
        Assert.Contains("until 2099-01-31 12:00 UTC.", (await WaiveAsync("2099-01-31T12:00:00Z")).Is(0).Output);
        Assert.Contains(
            $"until {DateTimeOffset.UtcNow.AddDays(30):yyyy-}", (await WaiveAsync("30d")).Is(0).Output);

        Task<CommandResult> WaiveAsync(string until) =>
            RunAsync("waiver", "add", "acme/**", "CVE-1", "--reason", "x", "--until", until);

        Task<CommandResult> RunAsync(params string[] arguments) =>
            AccountCommand.RunAsync(known.Variables, input: "", arguments);
    }
}
