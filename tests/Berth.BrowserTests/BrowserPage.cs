using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>A page, and what went wrong on it. No request leaves this machine.</summary>
public sealed class BrowserPage : IAsyncDisposable
{
    private readonly IBrowserContext context;
    private readonly string root;
    private readonly IReadOnlyList<string> others;
    private readonly ConcurrentQueue<string> faults = new();

    private BrowserPage(IBrowserContext context, IPage page, string root, IReadOnlyList<string> others)
    {
        (this.context, Page, this.root, this.others) = (context, page, root, others);
        page.PageError += (_, error) => faults.Enqueue($"script: {error}");

        // Chromium writes there what the page's own policy forbids.
        page.Console += (_, message) =>
        {
            if (message.Type == "error" && message.Text.Contains("Content Security Policy", StringComparison.Ordinal))
                faults.Enqueue($"policy: {message.Text}");
        };
    }

    public IPage Page { get; }

    /// <summary>How many pages were looked at (<see cref="PageChecks"/>).</summary>
    public int Opened { get; set; }

    /// <param name="context">A browser that nobody has used.</param>
    /// <param name="root">The registry.</param>
    /// <param name="others">Origins that it may go to besides.</param>
    public static async Task<BrowserPage> OpenAsync(IBrowserContext context, Uri root, IReadOnlyList<string> others)
    {
        var page = await context.NewPageAsync();
        var opened = new BrowserPage(context, page, root.GetLeftPart(UriPartial.Authority), others);
        context.Request += (_, request) => opened.Watch(request);
        return opened;
    }

    /// <summary>A device for passkeys that is always willing, as Chromium has it for tests.</summary>
    public async Task AddDeviceAsync()
    {
        var session = await context.NewCDPSessionAsync(Page);
        await session.SendAsync("WebAuthn.enable");
        await session.SendAsync("WebAuthn.addVirtualAuthenticator", new Dictionary<string, object>
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2",
                ["transport"] = "internal",
                ["hasResidentKey"] = true,
                ["hasUserVerification"] = true,
                ["isUserVerified"] = true,
                ["automaticPresenceSimulation"] = true,
            },
        });
    }

    /// <summary>The name of whoever is signed in, or null.</summary>
    public async Task<string?> WhoAsync()
    {
        var answer = await context.APIRequest.GetAsync("auth/session");
        return (await answer.JsonAsync())?.GetProperty("name").GetString();
    }

    public Task SignOutAsync() => context.ClearCookiesAsync();

    /// <summary>Fails if a script failed, the policy forbade something, or a request went elsewhere.</summary>
    public void AssertSound() => Assert.Empty(faults);

    public async ValueTask DisposeAsync() => await context.DisposeAsync();

    /// <summary>What is elsewhere, Chromium does not find. Pages of others may ask for it; ours must not.</summary>
    private void Watch(IRequest request)
    {
        var address = new Uri(request.Url);
        var origin = address.GetLeftPart(UriPartial.Authority);
        if (address.Scheme is "data" or "blob" || origin == root || others.Contains(origin)) return;
        if (Page.Url.StartsWith(root, StringComparison.Ordinal)) faults.Enqueue($"request: {address}");
    }
}
