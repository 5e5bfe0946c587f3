using System.Text.RegularExpressions;
using Berth.Tests;
using Berth.Tests.Clients;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The first hour of somebody who has just started Berth, with its program, a browser and docker.</summary>
public sealed partial class NewcomerTests(Chromium chromium, OldestDockerFixture docker)
    : IClassFixture<OldestDockerFixture>
{
    private const string Repository = "acme/app";

    [Fact]
    public async Task From_an_empty_folder_to_an_image_that_is_public_searched_for_deleted_and_restored()
    {
        await using var berth = await BerthProcess.StartAsync(
            settings => settings["REGISTRY_AUTH_LOCAL_ENABLED"] = "true", TestContext.Current.CancellationToken);
        var password = await ReadPasswordAsync(berth);
        await using var browser = await chromium.OpenAsync(berth.BaseAddress);
        var page = browser.Page;
        var image = $"{berth.Address}/{Repository}:1.0";

        await page.GotoAsync("/");
        await page.Locator("main").GetByRole(AriaRole.Link, new() { Name = "Sign in" }).ClickAsync();
        await page.GetByLabel("Name").FillAsync("admin");
        await page.GetByLabel("Password").FillAsync(password);
        await page.PressAsync("Sign in");
        await page.Locator("details.menu summary").ClickAsync();
        await FollowAsync(page, "Settings");
        await FollowAsync(page.Locator("nav.side"), "Organizations");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("acme");
        await page.PressAsync("Make the organization");

        // The commands that the page shows, as it shows them, but for the password.
        await FollowAsync(page, "Berth");
        var commands = await page.Locator(".card", new() { HasText = "docker" }).First.Locator("code")
            .AllInnerTextsAsync();
        Assert.Equal([$"docker login {berth.Address}", $"docker tag app {image}", $"docker push {image}"], commands);
        await docker.Docker.RunAsync("build", "--network=none", "--tag", "app", docker.Docker.WriteContext("hello"));
        await RunAsync(commands[0] + $" --username admin --password {password}");
        await RunAsync(commands[1]);
        await RunAsync(commands[2]);

        // Nobody loads the page again.
        await FollowAsync(page.Locator("main"), Repository);
        await Assertions.Expect(page.Locator("tr[data-row]")).ToContainTextAsync("1.0");
        await Assertions.Expect(page.GetByText("Private", new() { Exact = true })).ToBeVisibleAsync();
        await docker.Docker.RunAsync("logout", berth.Address);
        Assert.NotEqual(0, (await docker.Docker.TryRunAsync("pull", image)).ExitCode);

        await FollowAsync(page.Locator("main"), "Settings");
        await page.GetByLabel("Public").CheckAsync();
        await page.PressAsync("Save");
        await FindAsync(berth);
        var digest = await PullAsync(image);

        await FollowAsync(page.Locator("main"), "Settings");
        await FollowAsync(page, "Delete the repository");
        await page.PressAsync("Delete the repository");

        // A second later it is not even said that it was there.
        Assert.Matches("not found|does not exist", (await docker.Docker.TryRunAsync("pull", image)).Error);

        await page.GotoAsync("/settings/trash");
        await page.PressAsync($"Restore {Repository}");
        await Assertions.Expect(page.GetByText("The trash is empty.")).ToBeVisibleAsync();
        Assert.Equal(digest, await PullAsync(image));
        browser.AssertSound();
    }

    /// <summary>Somebody else finds it, in the browser and with docker.</summary>
    private async Task FindAsync(BerthProcess berth)
    {
        await using var browser = await chromium.OpenAsync(berth.BaseAddress);
        await browser.Page.GotoAsync("/");
        await browser.Page.GetByRole(AriaRole.Searchbox).FillAsync("app");
        await browser.Page.Keyboard.PressAsync("Enter");
        await FollowAsync(browser.Page.Locator("#results"), Repository);
        await Assertions.Expect(browser.Page.GetByRole(AriaRole.Heading, new() { Level = 1 }))
            .ToHaveTextAsync(Repository);
        browser.AssertSound();
        Assert.Contains(
            Repository, await docker.Docker.RunAsync("search", $"{berth.Address}/app"), StringComparison.Ordinal);
    }

    /// <summary>Pulls what docker does not have any more.</summary>
    private async Task<string> PullAsync(string image)
    {
        await docker.Docker.TryRunAsync("image", "rm", "--force", image, "app");
        return await docker.Docker.PullAsync(image);
    }

    private Task<string> RunAsync(string command) => docker.Docker.RunAsync(command.Split(' ')[1..]);

    private static async Task<string> ReadPasswordAsync(BerthProcess berth)
    {
        await Eventually.TrueAsync(() => Password().IsMatch(berth.Output));
        return Password().Match(berth.Output).Groups[1].Value;
    }

    private static Task FollowAsync(IPage page, string link) => FollowAsync(page.Locator("body"), link);

    private static Task FollowAsync(ILocator part, string link) =>
        part.GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).First.ClickAsync();

    [GeneratedRegex(@"the password (\S+)")]
    private static partial Regex Password();
}
