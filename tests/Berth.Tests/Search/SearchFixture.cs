using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Search;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Search;

/// <summary>A registry to search in, as users with different rights.</summary>
internal sealed class SearchFixture : IAsyncDisposable
{
    private SearchFixture(RegistryFixture registry) =>
        (Registry, Admin) = (registry, new ImagePusher(registry, "admin"));

    public RegistryFixture Registry { get; }

    public ImagePusher Admin { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<SearchFixture> StartAsync() => new(await AccountsOf.StartAsync());

    public ValueTask DisposeAsync() => Registry.DisposeAsync();

    /// <summary>A user who may do something in the repositories that a pattern matches.</summary>
    public async Task<ImagePusher> UserAsync(string name, string? pattern = null)
    {
        var accounts = new AccountsOf(Registry);
        var id = await accounts.AddUserAsync(name, ImagePusher.Password);
        if (pattern is not null) await accounts.GrantAsync(id, pattern, "pull");
        return new ImagePusher(Registry, name);
    }

    /// <summary>Pushes images without anything to say of themselves.</summary>
    public async Task PushAsync(string repository, params string[] tags)
    {
        foreach (var tag in tags) await Admin.PushAsync(repository, tag);
    }

    public Task ChangeAsync(string repository, string json) =>
        Admin.ApiAsync("PATCH", $"/repositories/{repository}", json, 200);

    public async Task<JsonElement> SearchAsync(string query, ImagePusher? user = null, string more = "") =>
        await (user ?? Admin).ApiAsync("GET", $"/search?q={Uri.EscapeDataString(query)}{more}", null, 200);

    /// <summary>The names of what is found, in order.</summary>
    public async Task<string> NamesAsync(string query, ImagePusher? user = null) =>
        NamesOf(await SearchAsync(query, user));

    public static string NamesOf(JsonElement found) =>
        string.Join(' ', found.GetProperty("items").EnumerateArray().Select(one => one.Of("name")));

    /// <summary>Where the words of the first hit were found.</summary>
    public async Task<string> WhyAsync(string query)
    {
        var found = await SearchAsync(query);
        return string.Join(", ", found.GetProperty("items")[0].GetProperty("matches").EnumerateArray()
            .Select(match => $"{match.Of("in")} {match.Of("text")}"));
    }

    public static string FacetsOf(JsonElement found) => string.Join(
        ' ', found.GetProperty("facets").EnumerateArray().Select(one => $"{one.Of("filter")}={one.Of("count")}"));

    public Task<T> WriteAsync<T>(Func<Session, ValueTask<T>> write) =>
        Registry.Services.GetRequiredService<Database>().WriteAsync(write, isDurable: false, Stop);

    /// <summary>All rows of the index, as text.</summary>
    public async Task<List<string>> IndexAsync() => await Registry.Services.GetRequiredService<Database>().ReadAsync(
        session => session.AllAsync(
            """
            SELECT r.name, s.word, s.kind, s.source, s.namespace, s.is_public FROM search_word s
            JOIN repository r ON r.id = s.repository_id ORDER BY 1, 2, 3, 4
            """,
            row => string.Join('|', Enumerable.Range(0, 6).Select(i => row.GetValue(i).ToString()))), Stop);

    /// <summary>Waits until the words of all repositories that were noted are mended.</summary>
    public async Task MendedAsync()
    {
        var database = Registry.Services.GetRequiredService<Database>();
        while (await database.ReadAsync(session => SearchPendingTable.NextAsync(session, 0), Stop) is not null)
        {
            await Task.Delay(20, Stop);
        }
    }

    /// <summary>Asks for a rebuild, and waits for it.</summary>
    public async Task<JsonElement> RebuildAsync()
    {
        var made = await Admin.ApiAsync("POST", "/search/rebuilds", null, 201);
        for (var row = made; ; row = await Admin.ApiAsync("GET", $"/search/rebuilds/{made.Of("id")}", null, 200))
        {
            if (row.Of("state") == "done") return row;
            await Task.Delay(20, Stop);
        }
    }
}
