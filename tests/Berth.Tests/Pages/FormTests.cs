using System.Net;
using System.Text.RegularExpressions;
using Berth.Api;
using Berth.Pages;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Pages;

/// <summary>What all forms of pages have in common.</summary>
[Accounts]
public sealed class FormTests : IAsyncLifetime
{
    private const string Profile = "/settings/profile";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient ann = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        await admin.ApiAsync("POST", "/users", $$"""{"name":"ann","password":"{{ImagePusher.Password}}"}""", 201);
        ann = new PageClient(registry, "ann");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_form_that_is_right_leads_back_to_its_page_and_one_that_is_wrong_keeps_what_was_typed()
    {
        var saved = await ann.FillAsync(
            Profile, Profile, ("fullName", "Ann Ä"), ("email", "ann@example.org"), ("makesPublic", "yes"));
        Assert.Equal(HttpStatusCode.SeeOther, saved.Status);
        Assert.Equal(Profile + "?done=saved", saved.Location);
        var shown = await ann.GetAsync(saved.Location);
        Assert.Contains("role=\"status\"><span>Saved.", shown.Text);
        Assert.DoesNotContain("role=\"status\"><span>", (await ann.GetAsync(Profile + "?done=nonsense")).Text);
        foreach (var said in new[] { "added", "emptied", "removed", "revoked", "signed-out" })
            Assert.Contains("role=\"status\"><span>", (await ann.GetAsync($"{Profile}?done={said}")).Text);
        Assert.Contains("value=\"ann@example.org\"", shown.Text);
        Assert.Contains("value=\"yes\" checked", shown.Text);

        var wrong = await ann.FillAsync(Profile, Profile, ("fullName", "New"), ("email", "<b>no address"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("value=\"New\"", wrong.Text);
        Assert.Contains("value=\"&lt;b&gt;no address\"", wrong.Text);
        Assert.Contains("aria-invalid=\"true\" aria-describedby=\"settings-profile-email-fault\"", wrong.Text);
        Assert.Contains("id=\"settings-profile-email-fault\"", wrong.Text);
        Assert.DoesNotContain("value=\"yes\" checked", wrong.Text);
        Assert.Contains("Ann", (await admin.ApiAsync("GET", "/users/ann", null, 200)).Of("fullName"));
    }

    [Fact]
    public async Task A_form_of_what_has_changed_meanwhile_is_refused_and_says_so()
    {
        var page = await ann.GetAsync(Profile);
        await admin.ApiAsync("PATCH", "/users/ann", """{"fullName":"By admin"}""", 200);
        var stale = await ann.SubmitAsync(page, Profile, ("fullName", "By ann"), ("email", ""));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.Contains("has changed this meanwhile", stale.Text);
        Assert.Contains("value=\"By ann\"", stale.Text);
        Assert.Equal("By admin", (await admin.ApiAsync("GET", "/users/ann", null, 200)).Of("fullName"));
        var again = await ann.SubmitAsync(stale, Profile, ("fullName", "By ann"), ("email", ""));
        Assert.Equal(HttpStatusCode.SeeOther, again.Status);
    }

    [Fact]
    public async Task A_second_click_changes_nothing_and_leads_where_the_first_did()
    {
        var page = await ann.GetAsync(Profile);
        var clicks = await Task.WhenAll(Enumerable.Range(0, 5).Select(
            _ => ann.SubmitAsync(page, Profile, ("fullName", "Once"), ("email", ""))));
        Assert.All(clicks, click => Assert.Equal(
            (HttpStatusCode.SeeOther, Profile + "?done=saved"), (click.Status, click.Location)));
        Assert.Equal("2", (await admin.ApiAsync("GET", "/users/ann", null, 200)).Of("version"));
    }

    [Fact]
    public async Task What_is_no_form_or_too_large_a_one_gets_a_page_that_says_so()
    {
        var large = await ann.PostAsync(Profile, ("fullName", new string('a', 70_000)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.Status);
        Assert.Contains("at most 64 KiB", large.Text);
    }

    [Inside]
    [Fact]
    public async Task No_form_is_taken_from_a_page_of_another_site()
    {
        Assert.Contains(Profile, PathsOfForms());
        foreach (var path in PathsOfForms())
        {
            foreach (var (name, value) in new[]
            {
                ("Origin", "https://elsewhere.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Site", "same-site"),
            })
            {
                var foreign = new PageClient(registry, "admin") { Headers = { [name] = value } };
                var answer = await foreign.PostAsync(path, ("name", "x"));
                Assert.True(answer.Status == HttpStatusCode.Forbidden, $"{path} from {value}: {answer.Status}");
            }
        }
    }

    [Inside]
    [Fact]
    public void Each_form_stands_for_a_route_of_the_API_and_requires_the_same_right()
    {
        var endpoints = registry.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .OfType<RouteEndpoint>().ToList();
        var rights = endpoints.Where(one => one.RoutePattern.RawText?.TrimStart('/').StartsWith("api/v1") == true)
            .SelectMany(one => (one.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(method => (
                Route: $"{method} /{one.RoutePattern.RawText!.TrimStart('/')}".Replace("**", "").Replace(":long", ""),
                one.Metadata.GetMetadata<RequiredRight>()?.Right)))
            .ToLookup(one => one.Route, one => one.Right);
        var forms = endpoints.Where(one => IsForm(one) && one.Metadata.GetMetadata<PageAddress>() is not null).ToList();
        Assert.True(forms.Count >= 35);
        foreach (var form in forms)
        {
            var route = form.Metadata.GetMetadata<NotedAs>()!.Route;
            Assert.True(rights[route].Any(), $"{route}, which {form.DisplayName} names, is no route of the API");
            Assert.Equal(rights[route].First(), form.Metadata.GetMetadata<RequiredRight>()!.Right);
        }
    }

    [Inside]
    [Fact]
    public async Task No_page_is_shown_in_a_frame_of_another_site_and_none_leads_there()
    {
        foreach (var path in PathsOfPages())
        {
            var page = await new PageClient(registry, "admin") { Headers = { ["Host"] = "evil.example" } }
                .PlainAsync($"{path}?return=https://evil.example/&next=//evil.example");
            if (page.Status == HttpStatusCode.SeeOther)
            {
                Assert.Matches("^/[a-z]", page.Location);
                continue;
            }

            Assert.Equal("DENY", page.Headers.GetValues("X-Frame-Options").Single());
            Assert.Contains(
                "frame-ancestors 'none'", page.Headers.GetValues("Content-Security-Policy").Single());
            Assert.DoesNotMatch("(href|action)=\"(https?:)?//", page.Text);
        }
    }

    private IEnumerable<string> PathsOfForms() => Paths(IsForm);

    private IEnumerable<string> PathsOfPages() => Paths(one => !IsForm(one));

    private IEnumerable<string> Paths(Func<RouteEndpoint, bool> isWanted) =>
        registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(one => one.Metadata.GetMetadata<PageAddress>() is not null && isWanted(one))
            .Select(one => Regex.Replace(
                one.Metadata.GetMetadata<PageAddress>()!.Path.Replace("{id:long}", "1"), @"\{[^}]+\}", "team"))
            .Distinct();

    private static bool IsForm(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("POST") == true;
}
