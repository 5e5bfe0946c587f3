using System.Text.Json;
using Berth.Tests.Cli;

namespace Berth.Tests.Api;

/// <summary>What the owners of a repository say of it.</summary>
[Collection(ApiTests.Name)]
public sealed class RepositoryDescriptionTests(ApiRegistry api)
{
    private const string Readme = "# Web\n\nServes *pages*, and \u00e4nderungen.\n";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Owners_say_what_a_repository_is_for_and_readers_see_it()
    {
        var name = await MakeAsync();
        var reader = await GrantAsync(name, "reader");
        var seen = (await api.AskAsync(reader, "GET", $"/repositories/{name}")).Is(200);
        Assert.Equal("False", seen.Of("hasReadme"));
        var body = $$"""{"description":"Serves pages","readme":{{Text(Readme)}}}""";
        (await api.AskAsync(reader, "PATCH", $"/repositories/{name}", body)).Is(403);
        (await api.AskAsync("eve", "PATCH", $"/repositories/{name}", body)).Is(404);
        (await api.AskAsync("ann", "PATCH", $"/repositories/{name}", body, "\"x\"")).Is(412);
        Assert.Equal(seen.Text, (await api.AskAsync(reader, "GET", $"/repositories/{name}")).Text);

        var changed = (await api.AskAsync("ann", "PATCH", $"/repositories/{name}", body, seen.Headers["ETag"])).Is(200);
        var shown = (await api.AskAsync(reader, "GET", $"/repositories/{name}")).Is(200);
        Assert.Equal(changed.Text, shown.Text);
        Assert.Equal(
            ("Serves pages", "True", Readme), (shown.Of("description"), shown.Of("hasReadme"), shown.Of("readme")));
        (await api.AskAsync(
            "ann", "PATCH", $"/repositories/{name}", """{"readme":"other"}""", seen.Headers["ETag"])).Is(412);

        // What is missing stays, and an empty text removes.
        (await api.AskAsync("ann", "PATCH", $"/repositories/{name}", """{"isPublic":true}""")).Is(200);
        shown = (await api.AskAsync("eve", "GET", $"/repositories/{name}")).Is(200);
        Assert.Equal(("Serves pages", Readme), (shown.Of("description"), shown.Of("readme")));
        (await api.AskAsync("ann", "PATCH", $"/repositories/{name}", """{"description":"","readme":""}""")).Is(200);
        shown = (await api.AskAsync("eve", "GET", $"/repositories/{name}")).Is(200);
        Assert.Equal("False", shown.Of("hasReadme"));
        Assert.False(shown.Json.TryGetProperty("description", out _) || shown.Json.TryGetProperty("readme", out _));
    }

    [Fact]
    public async Task A_repository_is_made_with_a_description_by_whoever_may_manage_it()
    {
        var name = $"acme/{api.Name("r")}";
        var body = $$"""{"name":"{{name}}","description":"Serves pages","readme":"# Web"}""";
        var writer = await GrantAsync(name, "writer");
        (await api.AskAsync(writer, "POST", "/repositories", body)).Is(403, $"{writer} may not manage {name}");
        (await api.AskAsync("ann", "GET", $"/repositories/{name}")).Is(404);
        var made = (await api.AskAsync("ann", "POST", "/repositories", body)).Is(201);
        Assert.Equal(("Serves pages", "# Web"), (made.Of("description"), made.Of("readme")));
    }

    [Fact]
    public async Task A_description_is_a_line_and_a_readme_is_not_too_long()
    {
        var name = await MakeAsync();
        async Task<ApiResult> Say(string field, string text) => await api.AskAsync(
            "ann", "PATCH", $"/repositories/{name}", $$"""{"isPublic":true,"{{field}}":{{Text(text)}}}""");
        foreach (var text in new[] { new string('x', 201), "two\nlines", "a\u202eb", "a\0b", "a\u2028b" })
            (await Say("description", text)).Is(400, "description is one line of plain text, at most 200 characters");
        (await Say("readme", new string('x', 65_537))).Is(400, "readme has 65,537 bytes; it may have 65,536");
        (await Say("readme", new string('\u00e4', 32_769))).Is(400, "readme has 65,538 bytes");
        (await Say("readme", "a\0b")).Is(400, "NUL");
        (await Say("readme", new string('x', 500_000))).Is(413);
        var shown = (await api.AskAsync("ann", "GET", $"/repositories/{name}")).Is(200);
        Assert.Equal(("False", "False"), (shown.Of("isPublic"), shown.Of("hasReadme")));

        (await Say("description", new string('x', 200))).Is(200);
        var longest = new string('\u0001', 65_536);
        Assert.Equal(longest, (await Say("readme", longest)).Is(200).Of("readme"));
    }

    [Fact]
    public async Task The_command_describes_a_repository_from_a_file_or_the_standard_input()
    {
        var name = await MakeAsync();
        var command = new AccountCommand(api.Registry);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Readme, Stop);
        (await command.RunAsync(
            "repo", "change", name, "--description", "Serves pages", "--readme", file)).Is(0);
        Assert.Equal(Readme, (await api.AskAsync("ann", "GET", $"/repositories/{name}")).Of("readme"));
        var said = (await command.RunAsync("repo", "show", name)).Is(0).Output;
        Assert.Matches("Description +Serves pages\nReadme +yes\n", said);

        (await command.TellAsync("# Other", "repo", "change", name, "--readme", "-")).Is(0);
        var shown = await api.AskAsync("ann", "GET", $"/repositories/{name}");
        Assert.Equal(("# Other", "Serves pages"), (shown.Of("readme"), shown.Of("description")));

        await File.WriteAllBytesAsync(file, [0xff, 0xfe], Stop);
        Assert.Contains("UTF-8", (await command.RunAsync("repo", "change", name, "--readme", file)).Is(2).Errors);
        await File.WriteAllBytesAsync(file, new byte[200_000], Stop);
        Assert.Contains("no readme", (await command.RunAsync("repo", "change", name, "--readme", file)).Is(2).Errors);
        File.Delete(file);
        Assert.Contains("could not find", (await command.RunAsync(
            "repo", "change", name, "--readme", file)).Is(2).Errors, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("give --description", (await command.RunAsync("repo", "change", name)).Is(2).Errors);
        Assert.Equal("# Other", (await api.AskAsync("ann", "GET", $"/repositories/{name}")).Of("readme"));
    }

    private static string Text(string text) => JsonSerializer.Serialize(text);

    private async Task<string> GrantAsync(string name, string role)
    {
        var user = await api.UserAsync();
        var grant = $$"""{"user":"{{user}}","names":"{{name}}","role":"{{role}}"}""";
        (await api.AskAsync("ann", "POST", "/grants", grant)).Is(201);
        return user;
    }

    private async Task<string> MakeAsync()
    {
        var name = $"acme/{api.Name("r")}";
        (await api.AskAsync("ann", "POST", "/repositories", $$"""{"name":"{{name}}"}""")).Is(201);
        return name;
    }
}
