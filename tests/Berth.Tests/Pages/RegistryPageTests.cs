using System.Net;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages of settings about the registry, and about what stays and goes in it.</summary>
[Accounts]
public sealed class RegistryPageTests : IAsyncLifetime
{
    private const string Hostile = "<script>alert(1)</script>\" onmouseover='x'";

    private static readonly string[] OfStaff =
    [
        "/settings/health", "/settings/jobs", "/settings/jobs?failed=true", "/settings/uploads", "/settings/storage",
        "/settings/scrub", "/settings/backups", "/settings/audit", "/settings/garbage", "/settings/retention",
        "/settings/pins", "/settings/vulnerabilities",
    ];

    private static readonly string[] OfOwners =
        ["/settings/trash", "/settings/quotas", "/settings/rules", "/settings/trust",
            "/settings/policies", "/settings/waivers"];

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient page = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        page = new PageClient(registry, "admin");
        foreach (var (name, role) in new[] { ("ann", "none"), ("audra", "auditor") })
        {
            await admin.ApiAsync(
                "POST", "/users",
                $$"""{"name":"{{name}}","role":"{{role}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        foreach (var name in new[] { "ann/app", "team/app" })
        {
            await admin.PushAsync(name, "v1", "one");
            await admin.PushAsync(name, "v2", "two");
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Staff_see_all_of_the_registry_and_others_only_what_is_theirs()
    {
        foreach (var path in OfStaff)
        {
            await page.GetAsync(path);
            await new PageClient(registry, "audra").GetAsync(path);
            await new PageClient(registry, "ann").GetAsync(path, HttpStatusCode.Forbidden);
            await new PageClient(registry, null).GetAsync(path, HttpStatusCode.SeeOther);
        }

        foreach (var path in OfOwners)
        {
            foreach (var user in new[] { "admin", "audra", "ann" }) await new PageClient(registry, user).GetAsync(path);
            await new PageClient(registry, "ann").GetAsync(path + "?namespace=team", HttpStatusCode.NotFound);
            await new PageClient(registry, null).GetAsync(path, HttpStatusCode.SeeOther);
        }

        await page.GetAsync("/settings/imports");
        await new PageClient(registry, "audra").GetAsync("/settings/imports", HttpStatusCode.Forbidden);
        await page.GetAsync("/settings/imports/1", HttpStatusCode.NotFound);
        var own = (await new PageClient(registry, "ann").GetAsync("/settings/rules")).Text;
        Assert.DoesNotContain("/settings/audit", own);
        Assert.DoesNotContain("/settings/garbage", own);
        Assert.Contains("/settings/trash", own);
        Assert.Contains("<p>Your images</p>", own);
        Assert.DoesNotContain("<p>Registry</p>", own);
    }

    [Fact]
    public async Task Whoever_only_looks_gets_no_forms_and_no_change()
    {
        var auditor = new PageClient(registry, "audra");
        foreach (var path in OfStaff.Concat(OfOwners))
            Assert.DoesNotContain("method=\"post\" action=\"/settings", (await auditor.GetAsync(path)).Text);
        foreach (var path in new[]
        {
            "/settings/garbage/collect", "/settings/backups/now", "/settings/backups/verification", "/settings/quotas",
            "/settings/retention/run", "/settings/trash/empty",
        })
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await auditor.PostAsync(path, ("scope", "ann"))).Status);
        }
    }

    [Fact]
    public async Task The_audit_log_is_filtered_by_links_and_what_clients_send_is_text()
    {
        var client = new PageClient(registry, "ann") { Headers = { ["User-Agent"] = Hostile } };
        await client.GetAsync("/settings/audit", HttpStatusCode.Forbidden);
        var log = await UntilAsync(
            "/settings/audit?actor=ann&result=denied", text => text.Contains("alert(1)"));
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", log);
        Assert.DoesNotContain("<script>alert", log);
        Assert.Contains("href=\"/settings/audit?actor=ann&amp;result=denied&amp;action=", log);
        Assert.DoesNotContain("action=push\"", log);
        var wrong = await page.GetAsync("/settings/audit?since=never&actor=ann", HttpStatusCode.BadRequest);
        Assert.Contains("id=\"audit-since-fault\"", wrong.Text);
        Assert.Contains("value=\"ann\"", wrong.Text);
        Assert.Contains(
            "type=\"datetime-local\" name=\"until\" value=\"2026-11-26T07:00\"",
            (await page.GetAsync("/settings/audit?until=2026-11-26T07:00Z")).Text);
        Assert.Contains("Nothing that fits", (await page.GetAsync("/settings/audit?actor=nobody")).Text);
    }

    [Fact]
    public async Task The_audit_log_says_what_was_done_in_words_and_leaves_out_what_was_only_read_until_asked()
    {
        await page.GetAsync("/settings/users");
        await admin.ApiAsync("POST", "/organizations", """{"name":"acme"}""", 201);
        var changes = await UntilAsync("/settings/audit", text => text.Contains("Added an organization"));
        Assert.Contains("Pushed", changes);
        Assert.DoesNotContain("Looked at", changes);
        Assert.DoesNotContain(">Signed in<", changes);
        Assert.Contains("href=\"/settings/audit?action=POST", changes);
        Assert.Contains("Looked at users", (await page.GetAsync("/settings/audit?changes=false")).Text);
        Assert.Contains("Signed in<", (await page.GetAsync("/settings/audit?action=sign-in")).Text);
        await admin.ApiAsync("GET", "/audit?changes=maybe", null, 400);
        var listed = await admin.ApiAsync("GET", "/audit?changes=true", null, 200);
        Assert.DoesNotContain(
            listed.GetProperty("items").EnumerateArray(),
            entry => entry.Of("action").StartsWith("GET ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_quota_is_set_in_units_shown_with_its_use_and_removed_once_confirmed()
    {
        const string Path = "/settings/quotas";
        var wrong = await page.FillAsync(Path, Path, ("scope", "ann"), ("maxBytes", "much"), ("maxTags", ""));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("id=\"settings-quotas-maxBytes-fault\"", wrong.Text);
        Assert.Contains("value=\"much\"", wrong.Text);
        var set = await page.FillAsync(Path, Path, ("scope", "ann"), ("maxBytes", "10 MB"), ("maxTags", "50"));
        Assert.Equal((HttpStatusCode.SeeOther, Path + "?done=saved"), (set.Status, set.Location));
        var shown = (await new PageClient(registry, "ann").GetAsync(Path)).Text;
        Assert.Contains("2 of 50", shown);
        Assert.Contains(">10.0 MB<", shown);
        Assert.DoesNotContain(Path + "/remove", shown);
        var asked = await page.GetAsync(Path + "/remove?scope=ann");
        var removed = await page.SubmitAsync(asked, Path + "/remove");
        Assert.Equal(HttpStatusCode.SeeOther, removed.Status);
        Assert.DoesNotContain("2 of 50", (await page.GetAsync(Path)).Text);
    }

    [Fact]
    public async Task A_quota_is_changed_only_as_it_was_seen()
    {
        const string Path = "/settings/quotas";
        await page.FillAsync(Path, Path, ("scope", "ann"), ("maxBytes", "10 MiB"), ("maxTags", ""));
        var seen = await page.GetAsync(Path + "?scope=ann");
        Assert.Contains("Change the quota of ann", seen.Text);
        Assert.Contains("value=\"10MiB\"", seen.Text);
        Assert.Contains("<input type=\"hidden\" name=\"version\"", seen.Text);
        var asked = await page.GetAsync(Path + "/remove?scope=ann");

        // A form for a new one does not replace what somebody else has set.
        var second = await page.FillAsync(Path, Path, ("scope", "ann"), ("maxBytes", "1 MiB"), ("maxTags", ""));
        Assert.Equal(HttpStatusCode.Conflict, second.Status);
        Assert.Contains("Ann has a quota already", second.Text);
        await admin.ApiAsync("PUT", "/quotas/ann", """{"maxBytes":3145728}""", 200);
        var stale = await page.SubmitAsync(seen, Path, ("maxBytes", "20 MiB"), ("maxTags", ""));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.Contains("value=\"20 MiB\"", stale.Text);
        Assert.Equal(
            HttpStatusCode.PreconditionFailed, (await page.SubmitAsync(asked, Path + "/remove")).Status);
        Assert.Equal("3145728", (await admin.ApiAsync("GET", "/quotas/ann", null, 200)).Of("maxBytes"));
        var again = await page.SubmitAsync(stale, Path, ("maxBytes", "20 MiB"), ("maxTags", "7"));
        Assert.Equal(HttpStatusCode.SeeOther, again.Status);
        var changed = await admin.ApiAsync("GET", "/quotas/ann", null, 200);
        Assert.Equal(("20971520", "7"), (changed.Of("maxBytes"), changed.Of("maxTags")));
    }

    [Fact]
    public async Task A_rule_is_changed_with_all_its_fields_and_only_as_it_was_seen()
    {
        var ann = new PageClient(registry, "ann");
        var rule = await admin.ApiAsync(
            "POST", "/tag-rules",
            """
            {"names":"ann/**","tags":["/^v[0-9]{1,2}$/","pr-*"],"keepLastPushed":5,"groupBy":"/^(v)/",
            "keepForSeconds":5400,"orphanedSeconds":2592000}
            """,
            201);
        var path = "/settings/rules/" + rule.Of("id");
        Assert.Contains(path, (await ann.GetAsync("/settings/rules")).Text);
        var (seen, old) = (await ann.GetAsync(path), await ann.GetAsync(path));
        foreach (var shown in new[] { "/^v[0-9]{1,2}$/\npr-*", "value=\"90m\"", "value=\"30d\"", "value=\"/^(v)/\"" })
            Assert.Contains(shown, seen.Text.Replace("&#xA;", "\n"));
        (string, string)[] fields =
        [
            ("names", "ann/**"), ("tags", "/^v[0-9]{1,2}$/\r\npr-*, rc-*"), ("keepLastPushed", "1"),
            ("groupBy", "/^(v)/"), ("orphanedSeconds", "30d"),
        ];

        Assert.Equal(HttpStatusCode.SeeOther, (await ann.SubmitAsync(seen, path, fields)).Status);
        var saved = await admin.ApiAsync("GET", "/tag-rules/" + rule.Of("id"), null, 200);
        Assert.Equal(
            ["/^v[0-9]{1,2}$/", "pr-*", "rc-*"],
            saved.GetProperty("tags").EnumerateArray().Select(one => one.GetString()));
        Assert.Equal(
            ("1", "/^(v)/", "2592000", ""),
            (saved.Of("keepLastPushed"), saved.Of("groupBy"), saved.Of("orphanedSeconds"), saved.Of("keepForSeconds")));

        var stale = await ann.SubmitAsync(old, path, fields);
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await ann.SubmitAsync(stale, path, ("names", "ann/**"))).Status);
        var other = await admin.ApiAsync("POST", "/tag-rules", """{"names":"team/**","keepLastPushed":5}""", 201);
        await ann.GetAsync("/settings/rules/" + other.Of("id"), HttpStatusCode.NotFound);
        await ann.GetAsync("/settings/rules/999999", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_changed_rule_shows_what_it_would_remove_before_it_is_saved()
    {
        var ann = new PageClient(registry, "ann");
        var rule = await admin.ApiAsync("POST", "/tag-rules", """{"names":"ann/**","keepLastPushed":5}""", 201);
        var path = "/settings/rules/" + rule.Of("id");
        var seen = await ann.GetAsync(path);
        var version = System.Text.RegularExpressions.Regex.Match(seen.Text, "name=\"version\" value=\"([0-9]+)\"");
        var preview = await ann.PostAsync(
            path + "/preview", ("version", version.Groups[1].Value), ("names", "ann/app"), ("keepLastPushed", "1"));
        Assert.Contains("ann/app:v1", preview.Text);
        Assert.Contains("value=\"ann/app\"", preview.Text);
        Assert.Equal("5", (await admin.ApiAsync("GET", "/tag-rules/" + rule.Of("id"), null, 200)).Of("keepLastPushed"));

        // It was meant for the rule as it was seen, though somebody has changed that between.
        await admin.ApiAsync(
            "PUT", "/tag-rules/" + rule.Of("id"), """{"names":"ann/**","keepLastPushed":4}""", 200);
        preview = await ann.PostAsync(
            path + "/preview", ("version", version.Groups[1].Value), ("names", "ann/app"), ("keepLastPushed", "1"));
        var saved = await ann.SubmitAsync(preview, path, ("names", "ann/app"), ("keepLastPushed", "1"));
        Assert.Equal(HttpStatusCode.PreconditionFailed, saved.Status);
    }

    [Fact]
    public async Task What_is_in_the_trash_is_restored_and_emptied_once_the_bytes_were_named()
    {
        await admin.IsAsync("DELETE", "/api/v1/tags/v1?repository=ann/app", 204);
        await admin.IsAsync("DELETE", "/api/v1/repositories/team/app", 204);
        var ann = new PageClient(registry, "ann");
        var trash = await ann.GetAsync("/settings/trash");
        Assert.Contains("ann/app:v1", trash.Text);
        Assert.DoesNotContain("team/app", trash.Text);
        var restore = System.Text.RegularExpressions.Regex.Match(trash.Text, "/settings/trash/[0-9]+/restore").Value;
        var restored = (await ann.SubmitAsync(trash, restore)).Location;
        Assert.Equal("/settings/trash?namespace=ann&done=restored&in=ann%2Fapp", restored);
        Assert.Matches(
            "role=\"status\"><span>Restored\\.\\s*<a href=\"/r/ann/app\"", (await ann.GetAsync(restored)).Text);
        Assert.Equal("v1", (await admin.ApiAsync("GET", "/tags/v1?repository=ann/app", null, 200)).Of("name"));

        var asked = await page.GetAsync("/settings/trash/empty?namespace=team");
        Assert.Contains("Empty the trash of team?", asked.Text);
        Assert.Matches("Emptying it frees .* \\([0-9]+ bytes\\)", asked.Text);
        Assert.Equal(
            HttpStatusCode.NotFound, (await ann.PostAsync("/settings/trash/empty", ("namespace", "team"))).Status);
        await page.SubmitAsync(asked, "/settings/trash/empty");
        await UntilAsync(
            "/settings/trash", text => !text.Contains("team/app"));
    }

    [Fact]
    public async Task A_rule_shows_what_it_would_remove_before_it_is_added_and_is_removed_once_confirmed()
    {
        const string Path = "/settings/rules";
        var ann = new PageClient(registry, "ann");
        var fields = new[] { ("names", "ann/**"), ("tags", "v*"), ("keepLastPushed", "1") };
        Assert.Equal(HttpStatusCode.SeeOther, (await ann.FillAsync(Path, Path, fields)).Status);
        Assert.Contains("Keep the last 1 pushed.", (await ann.GetAsync(Path)).Text);

        var preview = await ann.PostAsync(
            Path + "/preview", ("names", "ann/app"), ("tags", "v*"), ("keepLastPushed", "1"), ("namespace", "ann"));
        Assert.Equal(HttpStatusCode.OK, preview.Status);
        Assert.Contains("ann/app:v1", preview.Text);
        Assert.DoesNotContain("ann/app:v2", preview.Text);
        Assert.Contains("value=\"ann/app\"", preview.Text);
        Assert.DoesNotContain("team/app", preview.Text);

        var wrong = await ann.FillAsync(Path, Path, ("names", "ann/**"), ("keepForSeconds", Hostile));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("Nothing was changed.", wrong.Text);
        Assert.Contains("Keep after use is a time", wrong.Text);
        Assert.DoesNotContain("KeepForSeconds", wrong.Text);
        Assert.DoesNotContain("<script>alert", wrong.Text);
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await ann.FillAsync(Path, Path, ("names", "team/**"), ("isImmutable", "yes"))).Status);

        var remove = System.Text.RegularExpressions.Regex.Match(
            (await ann.GetAsync(Path)).Text, "/settings/rules/[0-9]+/remove").Value;
        await page.GetAsync(remove);
        Assert.Equal(Path + "?done=removed", (await ann.ConfirmAsync(remove)).Location);
        Assert.Contains("There is no rule.", (await ann.GetAsync(Path)).Text);
        await ann.GetAsync(remove, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_collection_and_a_run_of_the_rules_are_asked_for_and_listed_until_they_are_done()
    {
        const string Collect = "/settings/garbage/collect";
        var wrong = await page.GetAsync(Collect + "?graceSeconds=soon", HttpStatusCode.BadRequest);
        Assert.Contains("id=\"settings-garbage-graceSeconds-fault\"", wrong.Text);
        Assert.Contains("value=\"soon\"", wrong.Text);
        var asked = await page.FillAsync(Collect + "?graceSeconds=0s", Collect);
        Assert.Equal((HttpStatusCode.SeeOther, "/settings/garbage"), (asked.Status, asked.Location));
        await UntilAsync("/settings/garbage", text => text.Contains("by admin") && text.Contains(">done</td>"));

        // A rule whose tags are too young removes nothing, so there is nothing to confirm.
        var nothing = await page.GetAsync("/settings/retention/run");
        Assert.Contains("A run now would remove nothing.", nothing.Text);
        Assert.DoesNotContain("method=\"post\" action=\"/settings/retention", nothing.Text);
    }

    [Fact]
    public async Task The_trash_is_emptied_with_a_collection_only_once_the_bytes_were_named()
    {
        const string Collect = "/settings/garbage/collect";
        await admin.IsAsync("DELETE", "/api/v1/repositories/team/app", 204);
        Assert.DoesNotContain("method=\"post\"", FormOf((await page.GetAsync("/settings/garbage")).Text, Collect));
        var asked = await page.GetAsync(Collect + "?graceSeconds=0s&emptyTrash=yes");
        Assert.Contains("Collect garbage now, and empty the trash?", asked.Text);
        Assert.Contains("Nobody can bring it back.", asked.Text);
        Assert.Matches("frees .* \\([0-9,]+ bytes\\)", asked.Text);
        Assert.Contains("team/app", (await page.GetAsync("/settings/trash")).Text);
        await new PageClient(registry, "audra").GetAsync(Collect, HttpStatusCode.Forbidden);
        await page.SubmitAsync(asked, Collect);
        await UntilAsync("/settings/trash", text => !text.Contains("team/app"));
    }

    [Fact]
    public async Task The_rules_are_run_once_what_goes_was_listed_and_not_if_something_else_would_go_by_then()
    {
        const string Run = "/settings/retention/run";
        await admin.ApiAsync(
            "POST", "/tag-rules", """{"names":"ann/app","tags":["v*"],"keepLastPushed":1}""", 201);
        var asked = await page.GetAsync(Run);
        Assert.Contains("Run the rules on tags now?", asked.Text);
        Assert.Matches("moves 1 tag and (1 manifest|[0-9]+ manifests) .* \\([0-9,]+ bytes\\) are freed", asked.Text);
        Assert.Contains(">ann/app:v1</a>", asked.Text);
        Assert.DoesNotContain("ann/app:v2", asked.Text);
        Assert.DoesNotContain("<th scope=\"col\">Where you are", (await page.GetAsync("/settings/retention")).Text);

        await admin.PushAsync("ann/app", "v3", "three");
        var stale = await page.SubmitAsync(asked, Run);
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.Contains(">ann/app:v2</a>", stale.Text);
        Assert.Equal("v1", (await admin.ApiAsync("GET", "/tags/v1?repository=ann/app", null, 200)).Of("name"));

        var done = await page.SubmitAsync(stale, Run);
        Assert.Equal((HttpStatusCode.SeeOther, "/settings/retention"), (done.Status, done.Location));
        await UntilAsync("/settings/retention", text => text.Contains(">done</td>"));
        foreach (var (tag, status) in new[] { ("v1", 404), ("v2", 404), ("v3", 200) })
            await admin.ApiAsync("GET", $"/tags/{tag}?repository=ann/app", null, status);
    }

    [Fact]
    public async Task Health_names_what_is_wrong_and_storage_what_keeps_most()
    {
        var health = (await page.GetAsync("/settings/health")).Text;
        Assert.Contains("All is well.", health);
        Assert.Contains("ann/app", (await page.GetAsync("/settings/storage")).Text);
        Assert.Contains("Waiting and running", (await page.GetAsync("/settings/jobs")).Text);
        Assert.Contains("No backups are set up", health);
        var backups = (await page.GetAsync("/settings/backups")).Text;
        Assert.Contains("There is no backup yet", backups);
        Assert.Contains("to: /srv/berth-backups", backups);
        Assert.DoesNotContain("action=\"/settings/backups/now\"", backups);
        var refused = await page.PostAsync("/settings/backups/now");
        Assert.Equal(HttpStatusCode.Conflict, refused.Status);
        Assert.Contains("Nothing was changed.", refused.Text);
    }

    /// <summary>A form of a page, by where it is sent to.</summary>
    private static string FormOf(string text, string action) => System.Text.RegularExpressions.Regex.Matches(
        text, "<form [^>]*>").Select(match => match.Value).Single(form => form.Contains($"\"{action}\""));

    /// <summary>The text of a page once something is on it that happens beside requests.</summary>
    private async Task<string> UntilAsync(string path, Func<string, bool> isDone)
    {
        var text = "";
        await Eventually.TrueAsync(async () => isDone(text = (await page.GetAsync(path)).Text), path);
        return text;
    }
}
