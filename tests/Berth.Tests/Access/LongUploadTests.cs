using Berth.Access;
using Berth.Metadata;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>Uploads that take longer than their token is valid, and what happens in the meantime.</summary>
[Accounts]
[Inside]
public sealed class LongUploadTests : IAsyncLifetime
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(3);

    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => registry = await StartAsync(auth => auth with
    {
        TokenLifetime = Lifetime,
    });

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task An_upload_outlives_its_token_its_key_and_a_restart()
    {
        var begun = await BeginAsync();
        await ExpireAsync();
        var script = Continued(begun);
        await script.PlayAsync(
            """
            POST /v2/ann/a/blobs/uploads/
              Authorization: {bearer}
              401
            PATCH {upload}
              Authorization: {bearer}
              > first,
              202
              Location: {next}
            """);
        begun["upload"] = script["next"];
        await RotateAsync();
        await registry.RestartAsync();
        script = Continued(begun);
        var newest = (await registry.Services.GetRequiredService<TokenKeys>().AllAsync(Stop))[0];
        Assert.Contains("\"kid\":\"" + newest.Id, Header(await BearerAsync()), StringComparison.Ordinal);
        Assert.DoesNotContain(newest.Id, Header(begun["bearer"]), StringComparison.Ordinal);
        await script.PlayAsync(
            """
            PATCH {upload}
              Authorization: {bearer}
              > second
              202
              Location: {next}
            PUT {next}?digest={sha256 first,second}
              Authorization: {bearer}
              201
            GET /v2/ann/a/blobs/{sha256 first,second}
              Authorization: {bearer}
              401
            """);
    }

    [Fact]
    public async Task An_upload_ends_when_its_key_is_withdrawn()
    {
        var begun = await BeginAsync();
        await RotateAsync();
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                await TokenKeyTable.RemoveBeforeAsync(session, TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(1));
                return 0;
            },
            isDurable: true, Stop);
        await registry.RestartAsync();
        await Continued(begun).PlayAsync("PATCH {upload}\n Authorization: {bearer}\n > rest\n 401");
    }

    [Fact]
    public async Task An_upload_ends_at_once_when_its_user_is_disabled()
    {
        var begun = await BeginAsync();
        await ExpireAsync();
        var accounts = new AccountsOf(registry);
        await accounts.SetAsync("ann", account => account with { IsDisabled = true });
        var script = Continued(begun);
        await script.PlayAsync(
            """
            PATCH {upload}
              Authorization: {bearer}
              > rest
              401
            PUT {upload}?digest={sha256 rest}
              Authorization: {bearer}
              > rest
              401
            """);
        await accounts.SetAsync("ann", account => account with { IsDisabled = false });
        await script.PlayAsync("PUT {upload}?digest={sha256 rest}\n Authorization: {bearer}\n > rest\n 201");
    }

    [Fact]
    public async Task Keys_are_kept_for_as_long_as_an_upload_may_need_them()
    {
        var clock = new SetClock();
        using var keys = new TokenKeys(
            registry.Services.GetRequiredService<Database>(), TimeSpan.FromHours(1), TimeSpan.FromHours(12), clock);
        var first = (await keys.AllAsync(Stop))[0];
        for (var hour = 0; hour < 12; hour++)
        {
            clock.Advance(TimeSpan.FromMinutes(61));
            await keys.AllAsync(Stop);
        }

        Assert.NotNull(await keys.FindAsync(first.Id, Stop));
        for (var hour = 0; hour < 3; hour++)
        {
            clock.Advance(TimeSpan.FromMinutes(61));
            await keys.AllAsync(Stop);
        }

        Assert.Null(await keys.FindAsync(first.Id, Stop));
        Assert.InRange((await keys.AllAsync(Stop)).Count, 13, 15);
    }

    /// <summary>An upload of a user, and the token that began it.</summary>
    private async Task<Dictionary<string, string>> BeginAsync()
    {
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        var script = new Script(registry) { ["bearer"] = await BearerAsync() };
        await script.PlayAsync(
            "POST /v2/ann/a/blobs/uploads/\n Authorization: {bearer}\n 202\n Location: {upload}");
        return new Dictionary<string, string> { ["bearer"] = script["bearer"], ["upload"] = script["upload"] };
    }

    private Task<string> BearerAsync() =>
        new AccountsOf(registry).BearerAsync(Basic("ann", "of green gables"), "repository:ann/a:pull,push");

    /// <summary>The same upload, on the registry as it runs now.</summary>
    private Script Continued(Dictionary<string, string> begun) =>
        new(registry) { ["bearer"] = begun["bearer"], ["upload"] = begun["upload"] };

    private static Task ExpireAsync() => Task.Delay(Lifetime + TimeSpan.FromSeconds(0.2), Stop);

    /// <summary>Makes the key old, and adds one that has been published for long enough to sign.</summary>
    private async Task RotateAsync()
    {
        var database = registry.Services.GetRequiredService<Database>();
        var now = TimeProvider.System.GetUtcNow();
        using var other = System.Security.Cryptography.ECDsa.Create(
            System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        await database.WriteAsync(
            async session =>
            {
                await session.RunAsync(
                    "UPDATE token_key SET created_at = $1", (now - TimeSpan.FromDays(80)).ToUnixTimeMilliseconds());
                await TokenKeyTable.AddUnlessAsync(
                    session, new TokenKeyRow("next", other.ExportPkcs8PrivateKey(), now - TimeSpan.FromMinutes(10)),
                    now);
                return 0;
            },
            isDurable: true, Stop);
    }

    private static string Header(string bearer) => System.Text.Encoding.UTF8.GetString(
        System.Buffers.Text.Base64Url.DecodeFromChars(bearer["Bearer ".Length..].Split('.')[0]));
}
