using System.Text.Json;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>What a user signs in with besides the password.</summary>
/// <param name="HasApp">Whether there is an authenticator app in use.</param>
/// <param name="AppSince">Since when.</param>
/// <param name="RecoveryCodesLeft">How many recovery codes were not used yet.</param>
/// <param name="Passkeys">The passkeys.</param>
internal sealed record SecondFactorsView(
    bool HasApp, DateTimeOffset? AppSince, long RecoveryCodesLeft, IReadOnlyList<PasskeyView> Passkeys);

/// <summary>A passkey.</summary>
internal sealed record PasskeyView(string Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? UsedAt)
{
    public static PasskeyView Of(PasskeyRow row) => new(row.Id, row.Name, row.CreatedAt, row.UsedAt);
}

/// <summary>An app to be confirmed with a code that it shows: this is the only time that the secret is shown.</summary>
/// <param name="Secret">For typing, in Base32.</param>
/// <param name="Uri">For the app: an <c>otpauth</c> address.</param>
/// <param name="Image">The address as a QR code, in SVG.</param>
internal sealed record NewApp(string Secret, string Uri, string Image);

/// <summary>A code that the app shows.</summary>
internal sealed record AppCode(string Code);

/// <summary>Recovery codes, each good once: this is the only time that they are shown.</summary>
internal sealed record MadeCodes(IReadOnlyList<string> RecoveryCodes);

/// <summary>What a browser is asked for.</summary>
/// <param name="Ticket">To be sent with the answer.</param>
/// <param name="Options">For <c>PublicKeyCredential.parseCreationOptionsFromJSON</c>.</param>
internal sealed record PasskeyOptions(string Ticket, JsonElement Options);

/// <summary>A browser's answer.</summary>
/// <param name="Ticket">As it came with the options.</param>
/// <param name="Name">What the user calls the device.</param>
/// <param name="Credential">What the credential's <c>toJSON</c> gives.</param>
internal sealed record NewPasskey(string Ticket, string Name, JsonElement Credential);

/// <summary><c>/me/second-factors</c> and its parts.</summary>
internal sealed class SecondFactorEndpoints(
    Database database, AccessChanges changes, SecondFactors factors, Passkeys passkeys, SecondFactorPages pages,
    BrowserSessions sessions)
{
    public async Task<ApiAnswer<SecondFactorsView>> GetAsync(HttpContext http) =>
        ApiAnswer<SecondFactorsView>.Tagged(await ReadAsync(http));

    /// <summary>Begins with an app, which counts once <see cref="ConfirmAppAsync"/> was called.</summary>
    public async Task<ApiAnswer<NewApp>> AddAppAsync(HttpContext http)
    {
        if (!await IsForAsync(http)) return ApiError.Changed();
        if (await factors.BeginAppAsync(MeEndpoints.IdOf(http), http.RequestAborted) is not { } secret)
            return ApiError.Conflict("there is an app already: remove it first");
        var address = factors.AddressOf(secret, http.Caller().Name, pages.OriginOf(http).Host);
        return ApiAnswer<NewApp>.Made(
            new NewApp(SecondFactors.TextOf(secret), address, AccountPage.ImageOf(address)));
    }

    public async Task<ApiAnswer<MadeCodes>> ConfirmAppAsync(HttpContext http, [FromBody] AppCode sent)
    {
        if (!await IsForAsync(http)) return ApiError.Changed();
        return await factors.ConfirmAppAsync(
            MeEndpoints.IdOf(http), sent.Code, sessions.HashOf(http.Request), http.RequestAborted) is { } codes
            ? new MadeCodes([.. codes.Select(code => SecondFactors.WithGaps(code))])
            : ApiError.Invalid("this code is wrong, or no app waits for one");
    }

    public async Task<ApiDone> RemoveAppAsync(HttpContext http)
    {
        if (!await IsForAsync(http)) return ApiError.Changed();
        return await factors.RemoveAppAsync(MeEndpoints.IdOf(http), http.RequestAborted)
            ? null : ApiError.NotFound("such app");
    }

    public async Task<ApiAnswer<MadeCodes>> RenewCodesAsync(HttpContext http)
    {
        if (!await IsForAsync(http)) return ApiError.Changed();
        return await factors.RenewRecoveryCodesAsync(MeEndpoints.IdOf(http), http.RequestAborted) is { } codes
            ? ApiAnswer<MadeCodes>.Made(new MadeCodes([.. codes.Select(code => SecondFactors.WithGaps(code))]))
            : ApiError.Conflict("recovery codes are for accounts with a second factor");
    }

    public async Task<ApiAnswer<PasskeyOptions>> AskPasskeyAsync(HttpContext http)
    {
        var account = http.Caller().Rights.Account!.Account;
        var question = await passkeys.AskForNewAsync(account, pages.OriginOf(http), http.RequestAborted);
        return new PasskeyOptions(question.Ticket, JsonElement.Parse(question.Options));
    }

    public async Task<ApiDone> AddPasskeyAsync(HttpContext http, [FromBody] NewPasskey sent)
    {
        if (sent.Name.Length == 0) return ApiError.Invalid("name is empty: say which device it is");
        if (Field.FindFault(("name", sent.Name)) is { } fault) return fault;
        if (!await IsForAsync(http)) return ApiError.Changed();
        var account = http.Caller().Rights.Account!.Account;
        return await passkeys.AddAsync(
            account, sent.Ticket, sent.Name, sent.Credential, pages.OriginOf(http),
            sessions.HashOf(http.Request), http.RequestAborted) is { } wrong
            ? ApiError.Invalid(wrong) : null;
    }

    public async Task<ApiDone> RemovePasskeyAsync(HttpContext http, string id)
    {
        if (!await IsForAsync(http)) return ApiError.Changed();
        return await passkeys.RemoveAsync(MeEndpoints.IdOf(http), id, http.RequestAborted)
            ? null : ApiError.NotFound("such passkey");
    }

    /// <summary>For users who have lost everything: afterwards, their password signs in again.</summary>
    public async Task<ApiDone> ResetAsync(HttpContext http, string name) => await changes.RunAsync(
        async session =>
        {
            if (await UserEndpoints.FindAsync(session, name) is not { } row) return UserEndpoints.NotFound();
            if (!http.IsFor(row.Version)) return ApiError.Changed();
            await SecondFactorTable.RemoveAllAsync(session, row.Id);
            await SecondFactors.NoteAsync(session, row.Id);
            await SessionTable.RemoveAllAsync(session, row.Id);
            return null;
        },
        http.RequestAborted);

    private async ValueTask<bool> IsForAsync(HttpContext http) =>
        !http.HasCondition() || http.IsFor(await ReadAsync(http));

    private async ValueTask<SecondFactorsView> ReadAsync(HttpContext http)
    {
        var id = MeEndpoints.IdOf(http);
        var held = await database.ReadAsync(
            session => SecondFactorTable.HeldByAsync(session, id), http.RequestAborted);
        return new SecondFactorsView(
            held.App is not null, held.App?.CreatedAt, held.RecoveryCodes, held.Passkeys.ConvertAll(PasskeyView.Of));
    }
}
