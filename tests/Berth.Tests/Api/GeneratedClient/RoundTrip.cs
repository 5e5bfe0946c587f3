using System.Net.Http.Headers;
using System.Text;
using Berth.Generated.Models;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;
using Microsoft.Kiota.Http.HttpClientLibrary.Middleware.Options;
using Xunit;

namespace Berth.Generated;

/// <summary>What a program does that somebody writes with the generated client, and has no other words for.</summary>
public static class RoundTrip
{
    /// <param name="root">The registry, whose address the client has from the description.</param>
    /// <param name="password">Of the administrator.</param>
    /// <param name="push">Pushes an image under these repository and tag: that is no matter of this API.</param>
    public static async Task RunAsync(Uri root, string password, Func<string, string, Task> push)
    {
        using var http = KiotaClientFactory.Create();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{password}")));
        using var adapter = new HttpClientRequestAdapter(new AnonymousAuthenticationProvider(), httpClient: http);
        var berth = new BerthClient(adapter).Api.V1;

        var acme = await berth.Organizations.PostAsync(new NewOrganization { Name = "acme", FullName = "Acme" });
        Assert.Equal(("acme", "Acme"), (acme!.Name, acme.FullName));
        Assert.Contains((await berth.Organizations.GetAsync())!.Items!, one => one.Name == "acme");
        var team = await berth.Organizations["acme"].Teams.PostAsync(new NewTeam { Name = "dev" });
        Assert.Equal("dev", team!.Name);

        await berth.Repositories.PostAsync(new NewRepository { Name = "acme/app", IsPublic = false });
        foreach (var tag in new[] { "1.0", "1.1", "1.2", "2.0", "2.1" }) await push("acme/app", tag);
        var described = await berth.Repositories["acme/app"].PatchAsync(
            new RepositoryChange { Description = "The app", IsPublic = true });
        Assert.Equal(("The app", true), (described!.Description, described.IsPublic));
        Assert.Equal("acme/app", Assert.Single((await berth.Repositories.GetAsync(
            asked => asked.QueryParameters.Namespace = "acme"))!.Items!).Name);

        await ReadTagsAsync(berth, root);
        var found = await berth.Search.GetAsync(asked => asked.QueryParameters.Q = "app namespace:acme");
        Assert.Equal((1L, "acme/app"), (found!.Total, Assert.Single(found.Items!).Name));
        await ReadErrorsAsync(berth);
        await RestoreAsync(berth);
    }

    private static async Task ReadTagsAsync(Api.V1.V1RequestBuilder berth, Uri root)
    {
        var (tags, pages) = (new List<string>(), 0);
        for (var next = ""; next is not null; pages++)
        {
            var headers = new HeadersInspectionHandlerOption { InspectResponseHeaders = true };
            var asked = next.Length == 0 ? berth.Tags : berth.Tags.WithUrl(new Uri(root, next).ToString());
            var page = await asked.GetAsync(request =>
            {
                (request.QueryParameters.Repository, request.QueryParameters.N) = ("acme/app", 2);
                request.Options.Add(headers);
            });
            tags.AddRange(page!.Items!.Select(tag => tag.Name!));
            next = headers.ResponseHeaders.TryGetValue("Link", out var links)
                ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(("1.0 1.1 1.2 2.0 2.1", 3), (string.Join(' ', tags), pages));
        var one = await berth.Tags["1.0"].GetAsync(asked => asked.QueryParameters.Repository = "acme/app");
        var image = await berth.Images["1.0"].GetAsync(asked => asked.QueryParameters.Repository = "acme/app");
        Assert.Equal(one!.Digest, image!.Digest);
        Assert.InRange(one.PushedAt!.Value, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        var pinned = await berth.Tags["1.0"].PatchAsync(
            new TagChange { ExpiresAt = DateTimeOffset.UtcNow.AddDays(30) },
            asked => asked.QueryParameters.Repository = "acme/app");
        Assert.NotNull(pinned!.ExpiresAt);
    }

    private static async Task ReadErrorsAsync(Api.V1.V1RequestBuilder berth)
    {
        var absent = await Assert.ThrowsAsync<Problem>(() => berth.Repositories["acme/none"].GetAsync());
        Assert.Equal((404, 404, "Not found"), (absent.Status, absent.ResponseStatusCode, absent.Title));
        Assert.Equal("there is no such repository", absent.Message);
        var wrong = await Assert.ThrowsAsync<Problem>(
            () => berth.Organizations.PostAsync(new NewOrganization { Name = "No Name" }));
        Assert.Equal((400, "name"), (wrong.Status, wrong.Field));
        var taken = await Assert.ThrowsAsync<Problem>(
            () => berth.Organizations.PostAsync(new NewOrganization { Name = "acme" }));
        Assert.Equal(409, taken.Status);
    }

    private static async Task RestoreAsync(Api.V1.V1RequestBuilder berth)
    {
        await berth.Tags["1.1"].DeleteAsync(asked => asked.QueryParameters.Repository = "acme/app");
        await berth.Repositories["acme/app"].DeleteAsync();
        await Assert.ThrowsAsync<Problem>(() => berth.Repositories["acme/app"].GetAsync());
        var trash = await berth.Trash.GetAsync(asked => asked.QueryParameters.Namespace = "acme");
        var deleted = trash!.Items!.Single(one => one.Kind == "repository");
        var restored = await berth.Trash[deleted.Id!.Value].Restore.PostAsync(new Restoration());
        Assert.Equal("acme/app", restored!.Repository);
        Assert.Equal("The app", (await berth.Repositories["acme/app"].GetAsync())!.Description);
        var tags = await berth.Tags.GetAsync(asked => asked.QueryParameters.Repository = "acme/app");
        Assert.Equal(4, tags!.Items!.Count);
    }
}
