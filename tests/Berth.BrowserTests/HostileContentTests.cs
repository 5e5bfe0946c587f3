using System.Collections.Concurrent;
using Berth.Tests;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>What others push, seen by an administrator: it is shown, and does nothing.</summary>
public sealed class HostileContentTests(Chromium chromium)
{
    private const string Elsewhere = "http://elsewhere.example";

    /// <summary>Ways out of a text, an attribute, an address, a comment and Markdown.</summary>
    private static readonly string[] Payloads =
    [
        FilledRegistry.Hostile,
        "\"><svg onload=alert(1)><iframe src=javascript:alert(1)></iframe>",
        "--></title></textarea></pre><script src=http://elsewhere.example/x.js></script>",
        "' autofocus onfocus=alert(1) x='",
        "javascript:alert(1)",
        "<meta http-equiv=refresh content='0;url=http://elsewhere.example'><base href=http://elsewhere.example>",
        "<form action=http://elsewhere.example><button formaction=http://elsewhere.example>x</button></form>",
        "{{7*7}} ${alert(1)} <link rel=stylesheet href=http://elsewhere.example/x.css>",
    ];

    private static string All => string.Join(' ', Payloads);

    /// <summary>Markdown has ways of its own.</summary>
    private static string Readme => $"""
        # {All}

        [click](javascript:alert(1)) [click](data:text/html,<script>alert(1)</script>) [out]({Elsewhere}/page)
        [tab](java&#9;script:alert(1)) <javascript:alert(1)> ![picture]({Elsewhere}/x.png) ![x](x" onerror="alert(1))
        [relative](//elsewhere.example/x) [ref][r] <a href="javascript:alert(1)">raw</a>

        [r]: javascript:alert(1)

        ```"><script>alert(1)</script>
        {All}
        ```

        | {All.Replace("|", "")} |
        |---|
        """;

    [Fact]
    public async Task Nothing_that_is_pushed_or_written_opens_a_dialog_runs_or_asks_another_host()
    {
        await using var filled = await FilledRegistry.StartAsync();
        var files = await FillAsync(filled);
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var page = browser.Page;
        var dialogs = new ConcurrentQueue<string>();
        page.Dialog += (_, dialog) =>
        {
            dialogs.Enqueue($"{page.Url}: {dialog.Message}");
            _ = dialog.DismissAsync();
        };
        page.Popup += (_, opened) => dialogs.Enqueue($"{page.Url} opened {opened.Url}");
        await page.SignInAsync();
        var paths = WalkedPages.All.Values.SelectMany(each => each(filled)).Concat(files)
            .Concat(Payloads.Select(each => "/search?q=" + Uri.EscapeDataString(each)))
            .Concat(Payloads.Select(each => "/explore?type=" + Uri.EscapeDataString(each)))
            .Concat(Payloads.Select(each => "/r/acme/evil?matching=" + Uri.EscapeDataString(each)))
            .Concat(Payloads.Select(each => "/" + Uri.EscapeDataString(each)));
        foreach (var path in paths)
        {
            await page.GotoAsync(path);
            Assert.False(await page.EvaluateAsync<bool>("'hacked' in window"), path);
            Assert.Equal(0, await page.Locator(
                "script:not([src^='/']), iframe, object, embed, base, meta[http-equiv]").CountAsync());
            Assert.Empty(await page.EvaluateAsync<string[]>(
                """
                [...document.querySelectorAll("a[href], form, button[formaction], link, img")]
                  .map(one => one.href || one.formAction || one.action || one.src)
                  .filter(url => /^(javascript|data:text|vbscript)/i.test(url))
                """));
            Assert.Empty(await page.EvaluateAsync<string[]>(
                """
                [...document.querySelectorAll("*")].flatMap(one => one.getAttributeNames())
                  .filter(name => name.startsWith("on"))
                """));
        }

        Assert.Empty(dialogs);
        browser.AssertSound();
    }

    /// <summary>Only what is a picture by its first bytes is served as one; all else is bytes to keep.</summary>
    [Fact]
    public async Task Files_of_images_are_never_served_as_pages_or_scripts_of_this_registry()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await FillAsync(filled);
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        await browser.Page.SignInAsync();
        var asked = browser.Page.Context.APIRequest;
        foreach (var file in new[] { "evil.html", "evil.svg", "evil.js", "evil.png", "evil.xhtml" })
        {
            var path = Uri.EscapeDataString("/" + file);
            var content = await asked.GetAsync(
                $"/api/v1/images/1/files/content?repository=acme/evil&path={path}",
                new() { Headers = [new("Accept", "text/html,application/xhtml+xml,image/*")] });
            Assert.Equal(200, content.Status);
            Assert.Equal("application/octet-stream", content.Headers["content-type"]);
            Assert.Contains("attachment", content.Headers["content-disposition"], StringComparison.Ordinal);
            Assert.Equal("nosniff", content.Headers["x-content-type-options"]);
            Assert.Contains("default-src 'none'", content.Headers["content-security-policy"], StringComparison.Ordinal);
            var picture = await asked.GetAsync($"/r/acme/evil:1/-/picture?path={path}");
            Assert.InRange(picture.Status, 400, 499);
        }

        // A blob that says it is a page, by its own address.
        var blob = "<script>alert(document.domain)</script>";
        await filled.Ann.PushAsync("acme/blob", "1", blob);
        await filled.Ann.ApiAsync("PATCH", "/repositories/acme/blob", """{"isPublic":true}""", 200);
        var pulled = await asked.GetAsync($"/v2/acme/blob/blobs/{ImagePusher.DigestOf(blob)}");
        Assert.Equal(
            (200, "application/octet-stream", "nosniff"),
            (pulled.Status, pulled.Headers["content-type"], pulled.Headers["x-content-type-options"]));
    }

    /// <returns>Addresses of what it pushed.</returns>
    private static async Task<IReadOnlyList<string>> FillAsync(FilledRegistry filled)
    {
        var ann = filled.Ann;
        var labels = string.Join(',', Payloads.Select(each => $"{JsonText(each)}:{JsonText(each)}"));
        var config = $$"""
            {"os":{{JsonText(Payloads[0])}},"architecture":{{JsonText(Payloads[1])}},"author":{{JsonText(All)}},
            "created":"2026-11-20T10:00:00Z","config":{"User":{{JsonText(All)}},"Env":[{{JsonText("A=" + All)}}],
            "Entrypoint":[{{JsonText(All)}}],"Cmd":[{{JsonText(All)}}],"WorkingDir":{{JsonText(All)}},
            "ExposedPorts":{ {{JsonText(Payloads[3])}}:{} },"Volumes":{ {{JsonText(Payloads[4])}}:{} },
            "Labels":{ {{labels}} } },"history":[{"created_by":{{JsonText(All)}},"comment":{{JsonText(All)}},
            "author":{{JsonText(All)}},"empty_layer":true}]}
            """;
        await ann.PushConfigAsync("acme/evil", "config", config);
        await ann.ApiAsync(
            "PATCH", "/repositories/acme/evil",
            $$"""{"isPublic":true,"description":{{JsonText(All[..200])}},"readme":{{JsonText(Readme)}} }""", 200);
        await ann.ApiAsync("PATCH", "/me", $$"""{"fullName":{{JsonText(Payloads[0])}} }""", 200);
        var page = FilledRegistry.Hostile + "<script>alert(1)</script>";
        var tar = new RawTar();
        foreach (var name in new[] { "evil.html", "evil.svg", "evil.js", "evil.png", "evil.xhtml" })
            tar = tar.File(name, "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>" + page);
        tar = tar.File("lib/apk/db/installed", string.Concat(Payloads.Select(each => $"P:{each}\nV:{each}\n\n")));
        foreach (var payload in Payloads) tar = tar.File(payload.Replace('/', '_'), page);
        var images = new ContentImages(filled.Registry);
        await images.PushAsync("acme/evil", "1", tar.End());
        await images.SeeAsync("1/files?repository=acme/evil");
        return
        [
            "/r/acme/evil", "/r/acme/evil:config", "/r/acme/evil:config/-/json", "/r/acme/evil:1",
            "/r/acme/evil/-/settings", "/r/acme/evil:1/-/files", "/r/acme/evil:1/-/compare?to=config",
            "/r/acme/evil:1/-/files?path=/evil.html", "/r/acme/evil:1/-/files?path=/evil.svg",
            "/r/acme/evil:1/-/files?path=/evil.png", "/explore?namespace=acme", "/search?q=evil",
            .. Payloads.Select(each =>
                "/r/acme/evil:1/-/files?path=" + Uri.EscapeDataString("/" + each.Replace('/', '_'))),
        ];
    }

    private static string JsonText(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
