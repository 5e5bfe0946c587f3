using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary>
/// <c>berth user</c>: users. <c>berth user password admin</c> on the machine itself lets a locked-out operator in
/// again, also beside a running server.
/// </summary>
internal static class UserCommand
{
    private static readonly Option<bool> PasswordStdin = ApiCommand.Switch(
        "--password-stdin", "Read the password from the standard input. Without it, one is generated and shown.");

    private static readonly Option<string?> FullName = ApiCommand.Text("--full-name", "Their display name.");

    private static readonly Option<string?> Email = ApiCommand.Text("--email", "Their e-mail address.");

    private static readonly Argument<string> Name = ApiCommand.Argument("NAME", "The user's name.");

    private static readonly Argument<string> When =
        ApiCommand.Argument("WHEN", "A date, a duration such as 90d, or never.");

    public static Command Create() => ApiCommand.Group(
        "user", "Users of the registry.",
        CreateAdd(),
        CreateChange(),
        ApiCommand.Create("list", "List users.", call => call.ListAsync(
            "users", ("NAME", ApiCall.Field("name")), ("ROLE", RoleOf), ("FULL NAME", ApiCall.Field("fullName")),
            ("E-MAIL", ApiCall.Field("email")), ("DISABLED", ApiCall.Field("isDisabled")),
            ("SINCE", ApiCall.Time("createdAt")))),
        ApiCommand.Create(
            "show", "Show a user.",
            call => call.ShowAsync(
                $"users/{call.PathOf(Name)}", ("Name", ApiCall.Field("name")), ("Full name", ApiCall.Field("fullName")),
                ("E-mail", ApiCall.Field("email")), ("Role", RoleOf), ("Disabled", ApiCall.Field("isDisabled")),
                ("Expires", ApiCall.Time("expiresAt")), ("Has a password", ApiCall.Field("hasPassword")),
                ("Has a second factor", ApiCall.Field("hasSecondFactor")),
                ("Makes public", ApiCall.Field("makesPublic")), ("Since", ApiCall.Time("createdAt")),
                ("Made by", ApiCall.Field("createdBy"))),
            Name),
        ApiCommand.Create(
            "disable", "Keep a user out, and sign them out everywhere.", call => SetAsync(call, true), Name),
        ApiCommand.Create("enable", "Let a disabled user in again.", call => SetAsync(call, false), Name),
        ApiCommand.Create(
            "expire", "Say when a user's account ends.",
            call => call.DoAsync(
                "PATCH", $"users/{call.PathOf(Name)}",
                new JsonObject { ["expiresAt"] = ApiCall.NewExpiryOf(call.Parsed.GetValue(When)!) },
                user => $"The account of {user.GetProperty("name")} ends: {ApiCall.Time("expiresAt", "never")(user)}."),
            Name, When),
        ApiCommand.CreateVisibility("users", Name),
        ApiCommand.Create("password", "Set a user's password.", SetPasswordAsync, Name, PasswordStdin),
        CreateIdentity(),
        ApiCommand.Create(
            "reset-factors", "Remove a user's authenticator app and passkeys, for whoever has lost them.",
            ResetFactorsAsync, Name),
        ApiCommand.Create(
            "delete", "Delete a user whose namespace has no repositories.",
            call => call.DoAsync("DELETE", $"users/{call.PathOf(Name)}", null, _ => $"{NameOf(call)} was deleted."),
            Name));

    private static Command CreateAdd()
    {
        var admin = ApiCommand.Switch("--admin", "Make them an administrator.");
        var auditor = ApiCommand.Switch("--auditor", "Let them see everything.");
        return ApiCommand.Create(
            "add", "Make a user. Makes the database too, if there is none yet.", _ => MissingDatabase.Create,
            async call =>
            {
                var parsed = call.Parsed;
                var role = parsed.GetValue(admin) ? "administrator" : parsed.GetValue(auditor) ? "auditor" : "none";
                var body = new JsonObject
                {
                    ["name"] = NameOf(call),
                    ["password"] = await ReadPasswordAsync(call),
                    ["fullName"] = parsed.GetValue(FullName),
                    ["email"] = parsed.GetValue(Email),
                    ["role"] = role,
                };
                await call.DoAsync(
                    "POST", "users", body,
                    made => $"The user {made.GetProperty("user").GetProperty("name")} was made." + Tell(made)
                        + (ApiCall.Field("notice")(made) is { Length: > 0 } notice ? $"\nNote: {notice}." : ""));
            },
            [Name, admin, auditor, FullName, Email, PasswordStdin]);
    }

    private static Command CreateChange()
    {
        var role = ApiCommand.Text("--role", "administrator, auditor or none.");
        role.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && given.Value is not ("administrator" or "auditor" or "none"))
                result.AddError($"--role must be administrator, auditor or none, not '{given.Value}'.");
        });
        return ApiCommand.Create(
            "change", "Change a user's role, name or e-mail address. What is not given stays as it is.",
            call =>
            {
                var change = new JsonObject();
                foreach (var (field, option) in new[] { ("role", role), ("email", Email), ("fullName", FullName) })
                {
                    if (call.Parsed.GetValue(option) is { } text) change[field] = text;
                }

                if (change.Count == 0)
                    throw new InvalidDataException("say what to change: --role, --email or --full-name");
                return call.DoAsync(
                    "PATCH", $"users/{call.PathOf(Name)}", change,
                    user => $"{user.GetProperty("name")} has now: role {user.GetProperty("role")}, "
                        + $"{(ApiCall.Field("email")(user) is { Length: > 0 } email ? email : "no e-mail address")}, "
                        + $"{(ApiCall.Field("fullName")(user) is { Length: > 0 } name ? name : "no display name")}.");
            },
            Name, role, Email, FullName);
    }

    private static Command CreateIdentity()
    {
        var source = ApiCommand.Argument("SOURCE", "The directory: ldap, or oidc: and its name in the settings.");
        var subject = ApiCommand.Argument("SUBJECT", "What it calls them for good, such as the claim sub.");
        return ApiCommand.Group(
            "identity", "Accounts of other directories with which a user signs in.",
            ApiCommand.Create(
                "add", "Link one to a user.",
                call => call.DoAsync(
                    "POST", $"users/{call.PathOf(Name)}/identities",
                    new JsonObject
                    {
                        ["source"] = call.Parsed.GetValue(source),
                        ["subject"] = call.Parsed.GetValue(subject),
                        ["name"] = call.Parsed.GetValue(subject),
                    },
                    _ => $"{call.Parsed.GetValue(subject)} of {call.Parsed.GetValue(source)} signs in as "
                        + $"{NameOf(call)}."),
                Name, source, subject),
            ApiCommand.Create(
                "list", "List the accounts with which a user signs in.",
                call => call.ListAsync(
                    $"users/{call.PathOf(Name)}/identities", ("SOURCE", ApiCall.Field("source")),
                    ("SUBJECT", ApiCall.Field("subject")), ("NAME", ApiCall.Field("name")),
                    ("SINCE", ApiCall.Time("linkedAt"))),
                Name),
            ApiCommand.Create(
                "remove", "Unlink one from a user.",
                call => call.DoAsync(
                    "DELETE",
                    $"users/{call.PathOf(Name)}/identities/{call.PathOf(source)}/{call.PathOf(subject)}", null,
                    _ => $"{NameOf(call)} no longer signs in with it."),
                Name, source, subject));
    }

    private static string NameOf(ApiCall call) => call.Parsed.GetValue(Name)!;

    private static string RoleOf(JsonElement user) =>
        ApiCall.Field("role")(user) is var role and not "none" ? role : "";

    private static Task SetAsync(ApiCall call, bool isDisabled) => call.DoAsync(
        "PATCH", $"users/{call.PathOf(Name)}", new JsonObject { ["isDisabled"] = isDisabled },
        user => $"{user.GetProperty("name")} is now {(isDisabled ? "disabled" : "enabled")}.");

    private static async Task ResetFactorsAsync(ApiCall call)
    {
        var user = await call.Api.AskAsync("GET", $"users/{call.PathOf(Name)}", body: null, call.Cancellation);
        var had = user.GetProperty("hasSecondFactor").GetBoolean();
        await call.DoAsync(
            "DELETE", $"users/{call.PathOf(Name)}/second-factors", null,
            _ => had
                ? $"The password alone signs {NameOf(call)} in again."
                : $"{NameOf(call)} had no second factor, and was only signed out of all browsers.");
    }

    private static async Task SetPasswordAsync(ApiCall call)
    {
        var body = new JsonObject { ["password"] = await ReadPasswordAsync(call) };
        await call.DoAsync(
            "PUT", $"users/{call.PathOf(Name)}/password", body,
            made => $"The password of {NameOf(call)} was set; docker must log in again." + Tell(made));
    }

    private static async Task<string?> ReadPasswordAsync(ApiCall call) => call.Parsed.GetValue(PasswordStdin)
        ? await StandardInput.ReadPasswordAsync($"New password of {NameOf(call)}: ", call.Cancellation)
        : null;

    private static string Tell(JsonElement made) => made.TryGetProperty("password", out var password)
        ? $"\nThe password, which is shown only this once: {password}"
        : "";
}
