using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Settings;

namespace Berth.Tests.Clients;

/// <summary>
/// Users, robots and tokens in a registry's database, a private repository and a public one, and what each caller may
/// do there, or in another registry that trusts this one.
/// </summary>
internal sealed class SignInAccounts
{
    public const string PublicRepository = "open/app";
    public const string Password = "correct horse";

    private string robot = "";
    private string gone = "";
    private string token = "";
    private string oldToken = "";
    private string oldRobot = "";

    /// <summary>Local users, of whom the administrator has <see cref="Password"/>.</summary>
    public static LocalSettings Settings { get; } =
        new() { Enabled = true, AdminPassword = Password, BcryptCost = 4 };

    public static async Task<SignInAccounts> MakeAsync(ClientFixture client, RegistryFixture registry, OciLayout image)
    {
        var made = new SignInAccounts();
        var end = TimeProvider.System.GetUtcNow().AddSeconds(2);
        made.oldToken = await SecretAsync(
            registry, "users/admin/tokens", $$"""{"name":"old laptop","expiresAt":"{{end:O}}"}""");
        made.oldRobot = await SecretAsync(registry, "robots", $$"""
            {"name":"robot.old","expiresAt":"{{end:O}}","grants":[{"names":"**","actions":["pull","push"]}]}
            """);
        await SeedAsync(client, registry.BaseAddress.Authority, image);
        await AskAsync(registry, HttpMethod.Patch, $"repositories/{PublicRepository}", """{"isPublic":true}""");
        await AskAsync(registry, HttpMethod.Post, "users", $$"""{"name":"eve","password":"{{Password}}"}""");
        made.robot = await SecretAsync(registry, "robots", """
            {"name":"robot.reader","grants":[{"names":"seed/**","actions":["pull"]}]}
            """);
        made.gone = await SecretAsync(registry, "robots", """
            {"name":"robot.gone","grants":[{"names":"**","actions":["pull","push"]}]}
            """);
        await AskAsync(registry, HttpMethod.Delete, "robots/robot.gone", null);
        made.token = await SecretAsync(registry, "users/admin/tokens", """{"name":"laptop"}""");
        await Eventually.TrueAsync(() => TimeProvider.System.GetUtcNow() > end);
        return made;
    }

    /// <summary>Pushes the image to both repositories, as the administrator.</summary>
    public static async Task SeedAsync(ClientFixture client, string address, OciLayout image)
    {
        var owner = SignInCase.At(client, address, "administrator", $"admin:{Password}", true, true);
        foreach (var name in new[] { SignInRegistries.Repository, PublicRepository })
        {
            await client.RunAsync(
                "env", $"DOCKER_CONFIG={owner.ConfigFolder}", client.Tools.Crane, "push", image.Folder,
                $"{address}/{name}:1");
        }
    }

    /// <summary>What each may do at an address.</summary>
    public IEnumerable<SignInCase> CasesAt(ClientFixture client, string registry, string address)
    {
        yield return Case("administrator", $"admin:{Password}", true, true);
        yield return Case("logged out", null, false, false);
        yield return Case("wrong password", "admin:mistyped", false, false);
        yield return Case("token", $"admin:{token}", true, true);
        yield return Case("robot that reads", $"robot.reader:{robot}", true, false);
        yield return Case("robot that is gone", $"robot.gone:{gone}", false, false);
        yield return Case("token that has expired", $"admin:{oldToken}", false, false);
        yield return Case("robot that has expired", $"robot.old:{oldRobot}", false, false);
        yield return Case("stranger", $"eve:{Password}", false, false) with { MayLogIn = true };
        foreach (var login in new[] { null, $"eve:{Password}" })
            yield return Public(Case($"public repository, {login}", login, true, false));

        // Programs that ask for a token learn that the password is wrong, and others get what everyone gets.
        yield return Public(Case("public repository, wrong password", "eve:mistyped", false, false));

        SignInCase Case(string state, string? login, bool mayPull, bool mayPush) =>
            SignInCase.At(client, address, $"{registry}, {state}", login, mayPull, mayPush);

        static SignInCase Public(SignInCase one) => one with { MayAnyonePull = true, Repository = PublicRepository };
    }

    private static async Task<string> SecretAsync(RegistryFixture registry, string path, string body) =>
        (string)JsonNode.Parse(await AskAsync(registry, HttpMethod.Post, path, body))!["secret"]!;

    /// <summary>Asks the API, as the administrator.</summary>
    public static async Task<string> AskAsync(RegistryFixture registry, HttpMethod method, string path, string? body)
    {
        using var request = new HttpRequestMessage(method, "api/v1/" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{Password}")));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await registry.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return text;
    }
}
