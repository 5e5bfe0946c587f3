using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Cli;

/// <summary><c>berth quota</c>: how much namespaces and repositories may keep.</summary>
internal static class QuotaCommand
{
    private const string Any = "any";

    public static Command Create()
    {
        var scope = ApiCommand.Argument("SCOPE", "A namespace, such as acme, or a repository, such as acme/app.");
        var space = ApiCommand.Text("--namespace", "Only those in a namespace.");
        var bytes = ApiCommand.Text("--bytes", "The most bytes, such as 10GiB, or any.");
        var tags = ApiCommand.Text("--tags", "The most tags, or any.");
        var warn = ApiCommand.Text("--warn", "The share in percent from which on it is nearly full.");
        return ApiCommand.Group(
            "quota", "How much namespaces and repositories may keep.",
            ApiCommand.Create(
                "list", "List quotas, and what is used of them.",
                call => call.ListAsync(
                    call.Parsed.GetValue(space) is { } given
                        ? $"quotas?namespace={Uri.EscapeDataString(given)}" : "quotas",
                    ("SCOPE", ApiCall.Field("scope")), ("USED", json => BytesOf(json, "usedBytes")),
                    ("OF", MostOf), ("TRASH", json => BytesOf(json, "trashBytes")),
                    ("TAGS", ApiCall.Field("tags")), ("OF TAGS", ApiCall.Field("maxTags")),
                    ("NEAR", json => IsOver(json) ? "over" : ApiCall.Field("isNear")(json))),
                space),
            ApiCommand.Create("show", "Show a quota, and what is used of it.", call => call.DoAsync(
                "GET", PathOf(call, scope), null, Say), scope),
            ApiCommand.Create("set", "Set a quota.", call => SetAsync(call, scope, bytes, tags, warn), scope, bytes,
                tags, warn),
            ApiCommand.Create(
                "delete", "Delete a quota: then the settings decide (quotas.namespacebytes).",
                call => call.DoAsync(
                    "DELETE", PathOf(call, scope), null,
                    _ => $"{call.Parsed.GetValue(scope)} has no quota of its own any more."),
                scope));
    }

    /// <summary>What is not given stays as it is.</summary>
    private static async Task SetAsync(
        ApiCall call, Argument<string> scope, Option<string?> bytes, Option<string?> tags, Option<string?> warn)
    {
        var (mostBytes, mostTags, percent) = (
            call.Parsed.GetValue(bytes), call.Parsed.GetValue(tags), call.Parsed.GetValue(warn));
        if (mostBytes is null && mostTags is null && percent is null)
            throw new InvalidDataException("give --bytes, --tags or --warn");
        var list = await call.Api.ListAsync(
            $"quotas?namespace={Uri.EscapeDataString(call.Parsed.GetValue(scope)!.Split('/')[0])}", call.Cancellation);
        var before = list.Find(one => one.GetProperty("scope").GetString() == call.Parsed.GetValue(scope));
        var sent = new JsonObject
        {
            ["maxBytes"] = mostBytes is null ? Before("maxBytes") : mostBytes == Any ? null : SizeOf(mostBytes),
            ["maxTags"] = mostTags is null ? Before("maxTags") : mostTags == Any ? null : NumberOf(mostTags, "--tags"),
            ["warnPercent"] = percent is null ? Before("warnPercent") : NumberOf(percent, "--warn"),
        };
        await call.DoAsync(
            "PUT", PathOf(call, scope), sent,
            quota => quota.GetProperty("usedBytes").GetInt64() + quota.GetProperty("tags").GetInt64() > 0
                ? Say(quota)
                : $"{Say(quota)} Nothing is there yet: if something should be, check the name.");

        JsonNode? Before(string field) => before.ValueKind == JsonValueKind.Object
            && before.TryGetProperty(field, out var value) ? value.GetInt64() : null;
    }

    private static string Say(JsonElement quota)
    {
        var (bytes, tags) = (MostOf(quota), ApiCall.Field("maxTags")(quota));
        return $"{quota.GetProperty("scope").GetString()} uses {BytesOf(quota, "usedBytes")} of "
            + $"{(bytes.Length == 0 ? "any number of bytes" : bytes)}"
            + (IsOver(quota, "usedBytes", "maxBytes") ? " (over), " : ", ")
            + $"{BytesOf(quota, "trashBytes")} of them in the trash, and has "
            + $"{quota.GetProperty("tags").GetInt64().ToString("N0", CultureInfo.InvariantCulture)} of "
            + $"{(tags.Length == 0 ? "any number of" : $"at most {tags}")} tags.";
    }

    private static bool IsOver(JsonElement quota) =>
        IsOver(quota, "usedBytes", "maxBytes") || IsOver(quota, "tags", "maxTags");

    private static bool IsOver(JsonElement quota, string used, string most) =>
        quota.TryGetProperty(most, out var value) && quota.GetProperty(used).GetInt64() > value.GetInt64();

    private static string PathOf(ApiCall call, Argument<string> scope) => $"quotas/{call.Parsed.GetValue(scope)}";

    private static string BytesOf(JsonElement json, string field) =>
        json.TryGetProperty(field, out var value) ? ByteText.Of(value.GetInt64()) : "";

    /// <summary>
    /// The limit, as it can be typed again: in tenths where these are exact, or else in the unit in which it is whole.
    /// </summary>
    private static string MostOf(JsonElement json)
    {
        if (!json.TryGetProperty("maxBytes", out var value)) return "";
        var bytes = value.GetInt64();
        var text = ByteText.Of(bytes);
        return SettingsText.TryParseTypedSize(text, out var read) && read == bytes ? text
            : SettingsText.ExactSize(bytes);
    }

    private static long SizeOf(string text) => SettingsText.TryParseTypedSize(text, out var bytes)
        ? bytes : throw new InvalidDataException($"'{text}' is no size: write 10GB, 500MiB or a number of bytes");

    private static long NumberOf(string text, string option) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : throw new InvalidDataException($"{option}: '{text}' is no number");
}
