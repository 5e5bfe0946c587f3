using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>All links, buttons and fields of all pages: with keys alone, and without scripts.</summary>
public sealed class ControlTests(Chromium chromium)
{
    /// <summary>What one can click on or type into. Of radio buttons with one name, Tab finds one.</summary>
    private const string Controls = """
        () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
          .filter(one => one.type !== "hidden" && !one.disabled && one.tabIndex >= 0 && one.checkVisibility({
            checkVisibilityCSS: true }) && !one.closest("dialog:not([open])")
            && !(one.type === "radio" && !one.checked && one.form?.querySelector(`[name="${one.name}"]:checked`)))
        """;

    /// <summary>Notes what gets the focus, in order, and whether one sees that it has it.</summary>
    private const string Watch = $$"""
        () => {
          const controls = ({{Controls}})();
          window.unseen = new Set(controls);
          window.dark = [];
          document.addEventListener("focusin", event => {
            window.unseen.delete(event.target);
            const style = getComputedStyle(event.target);
            if (style.outlineStyle === "none" && style.boxShadow === "none") window.dark.push(event.target.outerHTML);
          });
          document.activeElement?.blur();
          window.scrollTo(0, 0);
          return controls.length;
        }
        """;

    /// <summary>What does nothing without scripts.</summary>
    private const string Dead = """
        [...document.querySelectorAll("button")].filter(one => one.checkVisibility({ checkVisibilityCSS: true }))
          .filter(one => !one.form || one.type === "button")
          .concat([...document.querySelectorAll("a:not([href]), a[href='#'], a[href^='javascript:']")])
          .concat([...document.forms].filter(form => form.checkVisibility() && form.method !== "dialog"
            && !form.querySelector("button:not([type=button])")
            && [...form.elements].filter(one => one.type !== "hidden").length !== 1))
          .map(one => one.outerHTML.slice(0, 200))
        """;

    [Fact]
    public async Task Each_control_is_reached_with_Tab_and_shows_that_it_has_the_focus()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        var (faults, all) = (new List<string>(), 0);
        foreach (var path in WalkedPages.All.Values.Select(paths => paths(filled)[0]))
        {
            await page.GotoAsync(path);
            var controls = await page.EvaluateAsync<int>(Watch);
            all += controls;
            for (var pressed = 0; pressed < controls + 20; pressed += 10)
            {
                for (var i = 0; i < 10; i++) await page.Keyboard.PressAsync("Tab");
                if (await page.EvaluateAsync<int>("window.unseen.size") == 0) break;
            }

            foreach (var one in await page.EvaluateAsync<string[]>("[...window.unseen].map(one => one.outerHTML)"))
                faults.Add($"{path}: Tab does not reach {one}");
            foreach (var one in await page.EvaluateAsync<string[]>("window.dark"))
                faults.Add($"{path}: nothing shows that this has the focus: {one}");
        }

        PageChecks.AssertNone(faults);
        Assert.InRange(all, 500, 100_000);
        browser.AssertSound();
    }

    /// <summary>So that whoever has no scripts can do all that is on a page.</summary>
    [Fact]
    public async Task Without_scripts_no_page_shows_what_does_nothing()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenWithoutScriptsAsync(filled.BaseAddress);
        await browser.Page.SignInAsync();
        var faults = new List<string>();
        foreach (var path in WalkedPages.All.Values.SelectMany(paths => paths(filled)))
        {
            await browser.Page.GotoAsync(path);
            foreach (var one in await browser.Page.EvaluateAsync<string[]>(Dead)) faults.Add($"{path}: {one}");
        }

        PageChecks.AssertNone(faults);
    }
}
