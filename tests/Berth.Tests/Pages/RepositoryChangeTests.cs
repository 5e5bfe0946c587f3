using System.Net;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages that change repositories and tags, without scripts.</summary>
[Accounts]
public sealed class RepositoryChangeTests : IAsyncLifetime
{
    private const string Repository = "/r/team/app";
    private const string Hostile = "<img src=x onerror=alert(1)>";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient browser = null!;
    private PageClient reader = null!;
    private string digest = "";

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        digest = await admin.PushAsync("team/app", "1.0", "one layer");
        await admin.PushAsync("team/app", "2.0", "another layer");
        await admin.ApiAsync("POST", "/grants", """{"user":"ann","names":"team/app","role":"reader"}""", 201);
        (browser, reader) = (new PageClient(registry, "admin"), new PageClient(registry, "ann"));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_repository_shows_what_its_form_was_given_and_nothing_runs_that_was_typed()
    {
        var saved = await browser.FillAsync(
            Repository + "/-/settings", Repository + "/-/settings",
            ("description", Hostile), ("readme", $"# Title\r\n\r\n{Hostile}"), ("isPublic", "yes"));
        Assert.Equal((HttpStatusCode.SeeOther, Repository + "?done=saved"), (saved.Status, saved.Location));
        var shown = await new PageClient(registry, "eve").GetAsync(Repository);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;", shown.Text);
        Assert.DoesNotContain("<img src=x", shown.Text);
        Assert.Contains(">Title</h", shown.Text);
        var stored = await admin.ApiAsync("GET", "/repositories/team/app", null, 200);
        Assert.Equal($"# Title\n\n{Hostile}", stored.Of("readme"));

        // A box that is not checked takes the mark away.
        await browser.FillAsync(
            Repository + "/-/settings", Repository + "/-/settings", ("description", ""), ("readme", ""));
        Assert.Equal("False", (await admin.ApiAsync("GET", "/repositories/team/app", null, 200)).Of("isPublic"));
    }

    /// <summary>What turns text would come back as something else, and be saved so.</summary>
    [Fact]
    public async Task A_form_gives_back_each_character_that_it_was_given()
    {
        const string Turning = "a \u202e b \u2067 \u05d0 \u2069 &#x202E; <b> \"c\" & 'd'";
        await admin.ApiAsync(
            "PATCH", "/repositories/team/app", $$"""{"readme":{{JsonSerializer.Serialize(Turning)}}}""", 200);
        var page = await browser.GetAsync(Repository + "/-/settings");
        Assert.DoesNotContain('\u202e', page.Text);
        var area = page.Text[(page.Text.IndexOf("name=\"readme\"", StringComparison.Ordinal))..];
        area = area[(area.IndexOf('>') + 1)..area.IndexOf("</textarea>", StringComparison.Ordinal)];
        Assert.Equal(Turning, WebUtility.HtmlDecode(area).TrimStart('\n'));
    }

    [Fact]
    public async Task A_form_that_comes_after_the_session_has_ended_is_not_lost()
    {
        const string Path = Repository + "/-/settings";
        var page = await browser.GetAsync(Path);
        var origin = registry.BaseAddress.GetLeftPart(UriPartial.Authority);
        var nobody = new PageClient(registry, null) { Headers = { ["Origin"] = origin } };
        var late = await nobody.SubmitAsync(
            page, Path, ("description", Hostile), ("readme", "one\r\ntwo"));
        Assert.Equal((HttpStatusCode.Unauthorized, false), (late.Status, late.Text.Contains("<img src=x")));
        Assert.Contains("target=\"_blank\"", late.Text);
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.SubmitAsync(late, Path)).Status);
        var stored = await admin.ApiAsync("GET", "/repositories/team/app", null, 200);
        Assert.Equal((Hostile, "one\ntwo"), (stored.Of("description"), stored.Of("readme")));

        // Passwords are never written into a page.
        var secrets = await nobody.PostAsync("/settings/sign-in", ("current", "s3cret1"), ("new", "s3cret2"));
        Assert.Equal((HttpStatusCode.Unauthorized, false), (secrets.Status, secrets.Text.Contains("s3cret")));

        // What another site sends is not shown as what the reader wrote.
        foreach (var other in new[] { "https://evil.example.com", "null" })
        {
            var foreign = new PageClient(registry, null) { Headers = { ["Origin"] = other } };
            var refused = await foreign.PostAsync(Path, ("description", "evil"));
            Assert.DoesNotContain("evil", refused.Text);
            Assert.DoesNotContain("<form method=\"post\" action=\"/r/", refused.Text);
        }
    }

    [Fact]
    public async Task A_readme_as_long_as_the_API_takes_passes_the_form_and_a_longer_one_is_told()
    {
        var (path, longest) = (Repository + "/-/settings", new string('ß', 32 * 1024));
        var saved = await browser.FillAsync(path, path, ("description", ""), ("readme", longest));
        Assert.Equal(HttpStatusCode.SeeOther, saved.Status);
        var refused = await browser.FillAsync(path, path, ("description", "kept"), ("readme", longest + "ß"));
        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Contains("value=\"kept\"", refused.Text);
        Assert.Contains("role=\"alert\"", refused.Text);
    }

    [Fact]
    public async Task A_form_of_a_repository_that_was_changed_meanwhile_is_refused()
    {
        var path = Repository + "/-/settings";
        var page = await browser.GetAsync(path);
        await admin.ApiAsync("PATCH", "/repositories/team/app", """{"description":"by another"}""", 200);
        var stale = await browser.SubmitAsync(page, path, ("description", "mine"), ("readme", ""));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        var kept = await admin.ApiAsync("GET", "/repositories/team/app", null, 200);
        Assert.Equal("by another", kept.Of("description"));
        var again = await browser.SubmitAsync(stale, path, ("description", "mine"), ("readme", ""));
        Assert.Equal(HttpStatusCode.SeeOther, again.Status);
    }

    [Fact]
    public async Task A_repository_is_renamed_and_a_name_that_is_taken_is_told_beside_the_field()
    {
        await admin.PushAsync("team/other", "1", "x");
        var settings = Repository + "/-/settings";
        var taken = await browser.FillAsync(settings, Repository + "/-/move", ("to", "team/other"));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.Contains("is taken", taken.Text);
        Assert.Contains("r-team-app---move-to-fault", taken.Text);
        var wrong = await browser.FillAsync(settings, Repository + "/-/move", ("to", "Team//x"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        var moved = await browser.FillAsync(settings, Repository + "/-/move", ("to", "team/renamed"));
        Assert.Equal((HttpStatusCode.SeeOther, "/r/team/renamed?done=renamed"), (moved.Status, moved.Location));
        await browser.GetAsync("/r/team/renamed:1.0");

        // Links to the old name lead there, for whoever may see it; for others nothing was ever there.
        await reader.GetAsync(Repository, HttpStatusCode.NotFound);
        await admin.ApiAsync("POST", "/grants", """{"user":"ann","names":"team/renamed","role":"reader"}""", 201);
        foreach (var client in new[] { browser, reader })
        {
            foreach (var (old, now) in new[]
            {
                ("/r/team/app", "/r/team/renamed"), ("/r/team/app?sort=name", "/r/team/renamed?sort=name"),
                ("/r/team/app:1.0/-/json", "/r/team/renamed:1.0/-/json"),
                ($"/r/team/app@{digest}", $"/r/team/renamed@{digest}"),
            })
            {
                Assert.Equal(now, (await client.GetAsync(old, HttpStatusCode.SeeOther)).Location);
            }
        }

        await new PageClient(registry, "eve").GetAsync(Repository, HttpStatusCode.NotFound);
        await admin.ApiAsync("PATCH", "/repositories/team/renamed", """{"isPublic":true}""", 200);
        var nobody = await new PageClient(registry, null).GetAsync(Repository, HttpStatusCode.SeeOther);
        Assert.Equal("/r/team/renamed", nobody.Location);
    }

    [Fact]
    public async Task A_repository_is_deleted_only_after_a_page_that_says_what_goes()
    {
        var ask = await browser.GetAsync(Repository + "/-/remove");
        Assert.Contains("Delete team/app?", ask.Text);
        Assert.Contains("2 manifests go, with all tags.", ask.Text);
        Assert.DoesNotContain("class=\"side\"", ask.Text);
        await browser.GetAsync(Repository);
        var gone = await browser.SubmitAsync(ask, Repository + "/-/remove");
        Assert.Equal((HttpStatusCode.SeeOther, "/explore?done=deleted"), (gone.Status, gone.Location));
        await browser.GetAsync(Repository, HttpStatusCode.NotFound);
        Assert.Single((await admin.ApiAsync("GET", "/trash?repository=team/app", null, 200))
            .GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task The_selected_tags_go_together_and_what_that_frees_is_told_before()
    {
        await admin.PushAsync("team/app", $"sha256-{new string('a', 64)}.sig", "attached");
        foreach (var (query, tags) in new[] { ("", 2), ("?attached=yes", 3) })
            Assert.Contains($"<span class=\"quiet\">{tags}</span>", (await browser.GetAsync(Repository + query)).Text);
        await admin.IsAsync("DELETE", $"/v2/team/app/manifests/sha256-{new string('a', 64)}.sig", 202);
        var ask = await browser.GetAsync(Repository + "/-/delete?tag=1.0&tag=2.0");
        Assert.Contains("Delete 2 tags of team/app?", ask.Text);
        Assert.Contains("Nothing else holds 2 manifests", ask.Text);
        var free = await admin.ApiAsync("GET", "/usage/reclaimable?repository=team/app&tag=1.0&tag=2.0", null, 200);
        Assert.Contains($"({free.GetProperty("ownBytes").GetInt64():N0} bytes)", ask.Text);
        var gone = await browser.SubmitAsync(ask, Repository + "/-/delete");
        Assert.Equal((HttpStatusCode.SeeOther, Repository + "?done=deleted"), (gone.Status, gone.Location));
        Assert.Empty(await TagsAsync());

        // The back button, and the same again: they are gone already.
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.SubmitAsync(ask, Repository + "/-/delete")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PlainAsync(Repository + "/-/delete")).Status);
    }

    [Fact]
    public async Task Tags_that_a_rule_keeps_stay_and_the_page_says_which_rule()
    {
        await admin.ApiAsync(
            "POST", "/tag-rules", """{"names":"team/app","tags":["2.*"],"isImmutable":true}""", 201);
        var ask = await browser.GetAsync(Repository + "/-/delete?tag=1.0&tag=2.0");
        Assert.Contains("Delete a tag of team/app?", ask.Text);
        Assert.Contains("2.0 stays: the rule", ask.Text);
        var gone = await browser.SubmitAsync(ask, Repository + "/-/delete");
        Assert.Equal(HttpStatusCode.SeeOther, gone.Status);
        Assert.Equal(["2.0"], await TagsAsync());
        var none = await browser.PlainAsync(Repository + "/-/delete?tag=2.0");
        Assert.Equal(HttpStatusCode.Conflict, none.Status);
        Assert.Contains("2.0 stays: the rule", none.Text);
        var forced = await browser.PostAsync(Repository + "/-/delete", ("tag", "2.0"));
        Assert.True((int)forced.Status >= 400, $"{forced.Status}");
        Assert.Equal(["2.0"], await TagsAsync());
        Assert.Contains("immutable", (await browser.GetAsync(Repository)).Text);
    }

    [Fact]
    public async Task A_tag_that_was_pushed_again_meanwhile_stays_and_the_others_go()
    {
        var ask = await browser.GetAsync(Repository + "/-/delete?tag=1.0&tag=2.0");
        var pushed = await admin.PushAsync("team/app", "1.0", "newer");
        var partly = await browser.SubmitAsync(ask, Repository + "/-/delete");
        Assert.Equal(HttpStatusCode.Conflict, partly.Status);
        Assert.Contains("Not all was done.", partly.Text);
        Assert.Contains("1.0 points to another image than when you were asked", partly.Text);
        Assert.Contains("Delete a tag of team/app?", partly.Text);
        Assert.Equal(["1.0"], await TagsAsync());
        Assert.Equal(pushed, await admin.DigestOfAsync("team/app", "1.0"));
        Assert.Equal(
            HttpStatusCode.SeeOther, (await browser.SubmitAsync(partly, Repository + "/-/delete")).Status);
        Assert.Empty(await TagsAsync());
    }

    [Fact]
    public async Task A_deletion_leads_back_to_the_list_as_it_was()
    {
        const string List = "?sort=name&matching=1&rows=images";
        var ask = await browser.GetAsync($"{Repository}/-/delete{List}&tag=1.0");
        Assert.Contains($"href=\"{Repository}{List.Replace("&", "&amp;", StringComparison.Ordinal)}\"", ask.Text);
        var gone = await browser.SubmitAsync(ask, Repository + "/-/delete");
        Assert.Equal(Repository + List + "&done=deleted", gone.Location);
        Assert.Contains("href=\"/settings/trash\"", (await browser.GetAsync(gone.Location)).Text);
    }

    [Fact]
    public async Task A_tag_that_was_pushed_again_is_moved_back_or_left_as_the_restorer_chooses()
    {
        foreach (var (choice, moved) in new[] { ("yes", true), ("no", false) })
        {
            var old = await admin.PushAsync("team/again", choice, "old");
            await admin.IsAsync("DELETE", $"/api/v1/tags/{choice}?repository=team/again", 204);
            var later = await admin.PushAsync("team/again", choice, "new");
            var trash = await browser.GetAsync("/settings/trash?namespace=team");
            var restore = System.Text.RegularExpressions.Regex.Match(
                trash.Text, $"team/again:{choice}(?s:.*?)(/settings/trash/[0-9]+/restore)").Groups[1].Value;
            var refused = await browser.SubmitAsync(trash, restore);
            Assert.Equal(HttpStatusCode.Conflict, refused.Status);
            Assert.Contains($"The tag {choice} points elsewhere by now.", refused.Text);
            Assert.Contains("Restore all but these tags", refused.Text);
            Assert.Contains("Restore, and move the tags back", refused.Text);
            Assert.DoesNotContain("--keep-tags", refused.Text);
            Assert.Equal(later, await admin.DigestOfAsync("team/again", choice));
            var done = await browser.PostAsync(restore, ("moveTags", choice), ("namespace", "team"));
            Assert.StartsWith("/settings/trash?namespace=team&done=restored", done.Location);
            Assert.Equal(moved ? old : later, await admin.DigestOfAsync("team/again", choice));
        }
    }

    [Fact]
    public async Task A_tag_is_given_to_the_same_image_moved_pinned_and_expires()
    {
        var page = $"{Repository}:1.0/-/tag";
        var added = await browser.FillAsync(page, $"{Repository}:1.0/-/retag", ("name", "stable"));
        Assert.Equal($"{Repository}:stable", added.Location);
        Assert.Equal(digest, await admin.DigestOfAsync("team/app", "stable"));
        var taken = await browser.FillAsync(page, $"{Repository}:1.0/-/retag", ("name", "2.0"));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.Contains("points to another image", taken.Text);

        var moved = await browser.FillAsync($"{Repository}:2.0/-/tag", $"{Repository}:2.0/-/point", ("target", "1.0"));
        Assert.Equal(HttpStatusCode.SeeOther, moved.Status);
        Assert.Equal(digest, await admin.DigestOfAsync("team/app", "2.0"));
        var nowhere = await browser.FillAsync(page, $"{Repository}:1.0/-/point", ("target", "none"));
        Assert.Equal(HttpStatusCode.NotFound, nowhere.Status);
        Assert.Contains("value=\"none\"", nowhere.Text);

        await browser.FillAsync(page, page, ("expiresAt", "2099-12-31"), ("isPinned", "yes"));
        var tag = await admin.ApiAsync("GET", "/tags/1.0?repository=team/app", null, 200);
        Assert.Equal(
            (true, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero)),
            (tag.GetProperty("isPinned").GetBoolean(), tag.GetProperty("expiresAt").GetDateTimeOffset()));
        Assert.Contains("value=\"2099-12-31\"", (await browser.GetAsync(page)).Text);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.FillAsync(page, page, ("expiresAt", "soon"))).Status);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await browser.FillAsync(page, page, ("expiresAt", "2001-01-01"))).Status);
        await browser.FillAsync(page, page, ("expiresAt", ""));
        tag = await admin.ApiAsync("GET", "/tags/1.0?repository=team/app", null, 200);
        Assert.False(tag.GetProperty("isPinned").GetBoolean() || tag.TryGetProperty("expiresAt", out _));
    }

    [Fact]
    public async Task Whoever_may_only_read_sees_no_button_and_can_change_nothing()
    {
        var page = (await reader.GetAsync(Repository)).Text;
        Assert.DoesNotContain("/-/settings", page);
        Assert.DoesNotContain("/-/tag\"", page);
        Assert.DoesNotContain("button class=\"danger\"", page);
        foreach (var path in new[] { "/-/settings", "/-/remove", "/-/delete?tag=1.0" })
            Assert.Equal(HttpStatusCode.Forbidden, (await reader.PlainAsync(Repository + path)).Status);
        foreach (var path in new[] { "/-/settings", "/-/move", "/-/remove", "/-/delete", ":1.0/-/tag", ":1.0/-/point",
            ":1.0/-/retag" })
        {
            var refused = await reader.PostAsync(
                Repository + path, ("tag", "1.0"), ("to", "ann/app"), ("target", "2.0"), ("name", "x"));
            Assert.True(refused.Status == HttpStatusCode.Forbidden, $"{path}: {refused.Status} {refused.Text}");
            var hidden = await new PageClient(registry, "eve").PostAsync(
                Repository + path, ("tag", "1.0"), ("to", "eve/app"), ("target", "2.0"), ("name", "x"));
            Assert.True(hidden.Status == HttpStatusCode.NotFound, $"{path}: {hidden.Status}");
        }

        // What is wrong with a form is told on its page only to those who may see that.
        await admin.ApiAsync("PATCH", "/repositories/team/app", """{"readme":"a secret"}""", 200);
        foreach (var name in new[] { "ann", "eve" })
        {
            var wrong = await new PageClient(registry, name).PostAsync(Repository + "/-/move", ("to", "!!"));
            Assert.Equal(name == "ann" ? HttpStatusCode.Forbidden : HttpStatusCode.NotFound, wrong.Status);
            Assert.DoesNotContain("a secret", wrong.Text);
        }

        await admin.ApiAsync("POST", "/retention/runs", """{"repository":"team/app"}""", 201);
        var runs = await new PageClient(registry, "eve").PostAsync("/settings/retention/run");
        Assert.Equal(HttpStatusCode.Forbidden, runs.Status);
        Assert.DoesNotContain("team/app", runs.Text);
        Assert.Equal(["1.0", "2.0"], await TagsAsync());
        Assert.Equal(digest, await admin.DigestOfAsync("team/app", "1.0"));
    }

    [Fact]
    public async Task Pulls_and_other_fields_do_not_get_in_the_way_of_a_change_of_a_tag()
    {
        var path = $"{Repository}:1.0/-/tag";
        await admin.ApiAsync(
            "PATCH", "/tags/1.0?repository=team/app", """{"expiresAt":"2099-12-31T18:30:00Z"}""", 200);
        var (page, other) = (await browser.GetAsync(path), await browser.GetAsync(path));
        await admin.IsAsync("GET", "/v2/team/app/manifests/1.0", 200);
        var pinned = await browser.SubmitAsync(page, path, ("expiresAt", "2099-12-31"), ("isPinned", "yes"));
        Assert.Equal(HttpStatusCode.SeeOther, pinned.Status);
        var tag = await admin.ApiAsync("GET", "/tags/1.0?repository=team/app", null, 200);
        Assert.Equal(
            new DateTimeOffset(2099, 12, 31, 18, 30, 0, TimeSpan.Zero),
            tag.GetProperty("expiresAt").GetDateTimeOffset());
        var stale = await browser.SubmitAsync(other, path, ("expiresAt", ""));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
    }

    [Fact]
    public async Task Each_tag_that_was_deleted_is_an_entry_of_the_audit_log_also_where_others_stay()
    {
        await admin.PushAsync("team/app", "3.0", "third");
        await admin.ApiAsync("POST", "/tag-rules", """{"names":"team/app","tags":["2.*"],"isImmutable":true}""", 201);
        var path = Repository + "/-/delete";
        await browser.FillAsync(path + "?tag=1.0&tag=2.0&tag=3.0", path);
        await Eventually.TrueAsync(async () =>
        {
            var noted = await admin.ApiAsync("GET", "/audit?repository=team/app", null, 200);
            return noted.GetProperty("items").EnumerateArray()
                .Where(one => one.Of("action") == "DELETE /api/v1/tags/{tag}").Select(one => one.Of("target"))
                .Order().SequenceEqual(["1.0", "3.0"]);
        });
    }

    [Fact]
    public async Task The_table_of_tags_keeps_order_filter_and_rows_in_its_address()
    {
        await admin.ApiAsync("PUT", "/tags/1.0-slim?repository=team/app", """{"target":"1.0"}""", 200);
        var page = (await browser.GetAsync(Repository + "?sort=-name&matching=1.0&rows=images&n=1")).Text;
        Assert.Contains(
            "aria-sort=\"descending\"><a href=\"/r/team/app?sort=name&amp;matching=1.0&amp;rows=images\"", page);
        Assert.Contains("rel=\"next\"", page);
        Assert.Contains("sort=-name&amp;matching=1.0&amp;rows=images", page);
        var joined = (await browser.GetAsync(Repository + "?rows=images")).Text;
        Assert.Equal(2, joined.Split("<tr data-row>").Length - 1);
        Assert.Equal(3, (await browser.GetAsync(Repository)).Text.Split("<tr data-row>").Length - 1);
        Assert.Contains("No tag has zzz in its name.", (await browser.GetAsync(Repository + "?matching=zzz")).Text);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PlainAsync(Repository + "?sort=age")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PlainAsync(Repository + "?matching=<b>")).Status);
    }

    private Task<List<string>> TagsAsync() => admin.TagsAsync("team/app");
}
