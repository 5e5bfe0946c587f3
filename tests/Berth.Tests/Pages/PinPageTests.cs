using System.Net;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Lists of images in use, on their pages, in the API and on the command line.</summary>
[Accounts]
public sealed class PinPageTests : IAsyncLifetime
{
    private const string All = "/settings/pins", One = All + "/list", Remove = All + "/remove";
    private const string Hostile = "<script>alert(1)";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient root = null!;
    private string first = "";
    private string second = "";

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (admin, root) = (new ImagePusher(registry, "admin"), new PageClient(registry, "admin"));
        foreach (var (name, role) in new[] { ("ann", "none"), ("aud", "auditor"), ("ada", "administrator") })
        {
            await admin.ApiAsync(
                "POST", "/users",
                $$"""{"name":"{{name}}","role":"{{role}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        first = "team/app@" + await admin.PushAsync("team/app", "1", "one");
        second = "team/app@" + await admin.PushAsync("team/app", "2", "two");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_list_is_added_shown_replaced_and_removed_once_confirmed()
    {
        var ada = new PageClient(registry, "ada");
        var made = await ada.FillAsync(
            All, All, ("list", Hostile), ("images", $"{first}\r\nhttps://registry.example.com/{second}"),
            ("expiresAt", "2099-12-31"));
        var page = One + "?name=" + Uri.EscapeDataString(Hostile);
        Assert.Equal((HttpStatusCode.SeeOther, page + "&done=added"), (made.Status, made.Location));

        // That the list has more images than a page is no matter of these answers.
        foreach (var (path, field, status) in new[]
        {
            (All, "list", HttpStatusCode.Conflict), (One, "name", HttpStatusCode.SeeOther),
        })
        {
            var answer = await ada.PostAsync(
                path + "?n=1", (field, Hostile), ("images", $"{first} {second}"),
                ("expiresAt", "2099-12-31"));
            Assert.Equal((status, false), (answer.Status, answer.Headers.Contains("Link")));
        }

        var shown = await ada.GetAsync(page);
        foreach (var image in new[] { first, second }) Assert.Contains($"href=\"/r/{image}\"", shown.Text);
        Assert.Contains("value=\"2099-12-31\"", shown.Text);
        Assert.DoesNotContain(Hostile, shown.Text);
        var full = "?name=" + Uri.EscapeDataString("ada/" + Hostile);
        Assert.Contains($"href=\"{One}{full}\"", (await ada.GetAsync(All)).Text);
        Assert.Contains("<textarea", (await ada.GetAsync(One + full)).Text);

        var taken = await ada.FillAsync(All, All, ("list", Hostile), ("images", first));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.Contains("id=\"settings-pins-list-fault\"", taken.Text);
        var nameless = await ada.FillAsync(All, All, ("list", " "), ("images", first));
        Assert.Equal(HttpStatusCode.BadRequest, nameless.Status);
        Assert.Contains("id=\"settings-pins-list-fault\"", nameless.Text);
        Assert.Single((await admin.ApiAsync("GET", "/pins", null, 200)).GetProperty("items").EnumerateArray());
        var wrong = await ada.FillAsync(All, All, ("list", "other"), ("images", "team/app:1"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("id=\"settings-pins-images-fault\"", wrong.Text);

        var saved = await ada.SubmitAsync(shown, One, ("images", second), ("expiresAt", "2099-12-31"));
        Assert.Equal((HttpStatusCode.SeeOther, page + "&done=saved"), (saved.Status, saved.Location));
        var stale = await ada.SubmitAsync(
            shown with { Text = PageClient.Number().Replace(shown.Text, "name=\"form\" value=\"other\"") }, One,
            ("images", first));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.DoesNotContain($"href=\"/r/{first}\"", (await ada.GetAsync(page)).Text);

        // What may not be pinned is told, and the rest is stored.
        var partly = await ada.SubmitAsync(
            await ada.GetAsync(page), One, ("images", $"{first} {first.Replace("team/", "none/")}"), ("expiresAt", ""));
        Assert.Contains("Not all was done.", partly.Text);
        Assert.Contains("1 image is not in the list", partly.Text);
        Assert.Contains($"href=\"/r/{first}\"", partly.Text);

        var ask = await ada.GetAsync(Remove + full);
        Assert.Contains("1 image is pinned by it.", ask.Text);
        var gone = await ada.SubmitAsync(ask, Remove);
        Assert.Equal((HttpStatusCode.SeeOther, All + "?done=removed"), (gone.Status, gone.Location));
        Assert.Contains("No cluster has posted what it runs.", (await ada.GetAsync(All)).Text);
    }

    [Fact]
    public async Task A_list_is_changed_by_its_sender_alone_and_removed_by_administrators_too()
    {
        await admin.ApiAsync("PUT", "/pins/prod", $$"""{"images":["{{first}}"]}""", 200);
        const string Name = "?name=admin%2Fprod";
        var audited = await new PageClient(registry, "aud").GetAsync(One + Name);
        Assert.Contains(first, audited.Text);
        Assert.DoesNotContain("<textarea", audited.Text);
        Assert.DoesNotContain(Remove, audited.Text);
        var ann = new PageClient(registry, "ann");
        foreach (var path in new[] { One + Name, One + "?name=prod", Remove + Name })
            await ann.GetAsync(path, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.NotFound, (await ann.PostAsync(Remove, ("name", "admin/prod"))).Status);
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await new PageClient(registry, "aud").PostAsync(Remove, ("name", "admin/prod"))).Status);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await new PageClient(registry, "ada").PostAsync(One, ("name", "admin/prod"), ("images", second))).Status);
        Assert.Contains("href=\"/settings/pins\"", audited.Text);
        var kept = (await admin.ApiAsync("GET", "/pins/prod", null, 200)).GetProperty("images");
        Assert.Equal(first, Assert.Single(kept.EnumerateArray()).GetString());
        await new PageClient(registry, "ada").FillAsync(Remove + Name, Remove);
        await admin.ApiAsync("GET", "/pins/prod", null, 404);
    }

    [Fact]
    public async Task The_images_of_a_list_come_in_pages_and_the_command_line_shows_them()
    {
        var digest = first[(first.IndexOf('@') + 1)..];
        await admin.PushAsync("team/other", "1", "one");
        string[] images = [.. new[] { digest, "team/app@" + digest, "team/other@" + digest, second }];
        await admin.ApiAsync(
            "PUT", "/pins/prod", $$"""{"images":["{{string.Join("\",\"", images)}}"]}""", 200);
        var seen = new List<string>();
        for (var path = "/api/v1/pins/prod?n=1"; path.Length > 0;)
        {
            var (text, headers) = await admin.SendAsync("GET", path, null, null, 200);
            seen.AddRange(System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("images").EnumerateArray()
                .Select(image => image.GetString()!));
            path = headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : "";
        }

        Assert.Equal(images.Order(), seen.Order());
        var said = (await new AccountCommand(registry).AskAsync(
            "admin", AccountsOf.AdminPassword, "pins", "show", "prod")).Is(0).Output;
        Assert.All(images, image => Assert.Contains(image + "\n", said));

        // A page too long to be typed again offers no form.
        Assert.DoesNotContain("<textarea", (await root.GetAsync(One + "?name=prod&n=2")).Text);
    }
}
