using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Tests.Api;

/// <summary>
/// One registry for all tests of the API. It has an administrator <c>admin</c>, an auditor <c>aud</c>, users
/// <c>ann</c>, <c>bob</c> and <c>eve</c>, and an organization <c>acme</c> that <c>ann</c> owns and <c>bob</c> is a
/// member of. Tests make what they change under names of their own.
/// </summary>
public sealed class ApiRegistry : IAsyncLifetime
{
    public const string Password = "correct horse";

    private int made;

    internal RegistryFixture Registry { get; private set; } = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    internal static AuthSettings Auth => new()
    {
        Local = new LocalSettings { Enabled = true, AdminPassword = Password, BcryptCost = 4 },
    };

    public ValueTask InitializeAsync() => new(StartAsync(auth => auth));

    /// <summary>Asks a registry that another test has started.</summary>
    internal static ApiRegistry Of(RegistryFixture registry) => new() { Registry = registry };

    /// <param name="change">Changes the settings.</param>
    internal async Task StartAsync(Func<AuthSettings, AuthSettings> change)
    {
        Registry = await RegistryFixture.StartAsync(s => s with { Auth = change(Auth) });
        foreach (var name in new[] { "aud", "ann", "bob", "eve" })
        {
            var role = name == "aud" ? "auditor" : "none";
            await MakeAsync(
                "/users", $$"""{"name":"{{name}}","password":"{{Password}}","role":"{{role}}"}""");
        }

        await MakeAsync("/organizations", """{"name":"acme","owner":"ann"}""");
        (await AskAsync("ann", "PUT", "/organizations/acme/members/bob", """{"role":"member"}""")).Is(200);
    }

    public ValueTask DisposeAsync() => Registry.DisposeAsync();

    /// <summary>A name that no other test has.</summary>
    public string Name(string start = "n") => $"{start}{Interlocked.Increment(ref made)}x";

    /// <summary>A new user.</summary>
    public async Task<string> UserAsync(string role = "none")
    {
        var name = Name("u");
        await MakeAsync("/users", $$"""{"name":"{{name}}","password":"{{Password}}","role":"{{role}}"}""");
        return name;
    }

    /// <summary>A new organization with an owner.</summary>
    public async Task<string> OrganizationAsync(string owner)
    {
        var name = Name("o");
        await MakeAsync("/organizations", $$"""{"name":"{{name}}","owner":"{{owner}}"}""");
        return name;
    }

    /// <summary>Makes something as the administrator.</summary>
    public async Task<JsonElement> MakeAsync(string path, string body) =>
        (await AskAsync("admin", "POST", path, body)).Is(201).Json;

    /// <param name="who">
    /// A user's name, with the password that all have; a token, which is sent as Bearer; <c>name:password</c>; or null.
    /// </param>
    /// <param name="method">The method.</param>
    /// <param name="path">What comes after /api/v1, or a whole path under /v2/.</param>
    /// <param name="body">JSON, or null.</param>
    /// <param name="match">An If-Match.</param>
    internal async Task<ApiResult> AskAsync(
        string? who, string method, string path, string? body = null, string? match = null)
    {
        var root = path.StartsWith("/v2", StringComparison.Ordinal) || path.StartsWith("/api", StringComparison.Ordinal)
            || path.StartsWith("/token", StringComparison.Ordinal) ? "" : "/api/v1";
        using var request = new HttpRequestMessage(new HttpMethod(method), root + path);
        if (who is not null) request.Headers.Authorization = HeaderOf(who);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (match is not null) request.Headers.TryAddWithoutValidation("If-Match", match);
        using var answer = await Registry.Client.SendAsync(request, Stop);
        return new ApiResult(
            $"{method} {path} as {who}", (int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop),
            answer.Headers.Concat(answer.Content.Headers).ToDictionary(h => h.Key, h => string.Join(", ", h.Value)));
    }

    internal static AuthenticationHeaderValue HeaderOf(string who) => who.StartsWith("berth_", StringComparison.Ordinal)
        || who.StartsWith("ey", StringComparison.Ordinal)
            ? new("Bearer", who)
            : new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(
                who.Contains(':') ? who : $"{who}:{Password}")));
}

/// <summary>The tests that share the registry.</summary>
[CollectionDefinition(Name)]
public sealed class ApiTests : ICollectionFixture<ApiRegistry>
{
    public const string Name = "api";
}

/// <summary>An answer of the API.</summary>
internal sealed record ApiResult(string Asked, int Status, string Text, Dictionary<string, string> Headers)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string Detail => Json.GetProperty("detail").GetString()!;

    /// <summary>The names, or whatever field, of a list's items.</summary>
    public List<string> All(string field = "name") =>
        [.. Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty(field).ToString())];

    public string Of(string path) =>
        path.Split('.').Aggregate(Json, (json, field) => json.GetProperty(field)).ToString();

    /// <summary>Fails unless this is the status.</summary>
    public ApiResult Is(int status)
    {
        Assert.True(Status == status, $"{Asked}: {Status} instead of {status}: {Text}");
        if (status >= 400) Assert.Equal("application/problem+json", Headers["Content-Type"]);
        Assert.Equal("no-store", Headers["Cache-Control"]);
        return this;
    }

    /// <summary>Fails unless this is the status, and the detail has these words.</summary>
    public ApiResult Is(int status, string words)
    {
        Is(status);
        Assert.Contains(words, Detail, StringComparison.Ordinal);
        return this;
    }
}
