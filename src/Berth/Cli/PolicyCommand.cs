using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Policies;

namespace Berth.Cli;

/// <summary><c>berth policy</c>: what images must be like to be pulled, pushed or promoted.</summary>
internal static class PolicyCommand
{
    private static readonly Option<string?> Names =
        ApiCommand.Text("--names", "The repositories: acme/app, acme/*, or acme/** for all below.");

    private static readonly Option<string?> Space =
        ApiCommand.Text("--namespace", "Those of a namespace. Default: all, which is for administrators and auditors.");

    private static readonly Option<string[]> On =
        Many("--on", "When it counts: pull, push, promotion. Default: pull and promotion.");

    private static readonly Option<string[]> Exempt =
        Many("--exempt", "An account that it is not about: a signer, a scanner, a robot. May be repeated.");

    private static readonly Option<bool> Warn = Flag("--warn", "Refuse nothing: warn.");

    private static readonly Option<bool?> Mandatory = new("--mandatory")
    {
        Description = "Only administrators change it, and only their waivers and the registry's trust satisfy it. "
            + "Default: true if an administrator makes it.",
    };

    private static readonly Option<string?> MaxSeverity =
        ApiCommand.Text("--max-severity", "The worst severity that a vulnerability may have: none, low, medium, high.");

    private static readonly Option<bool> NoExploited =
        Flag("--no-exploited", "Refuse vulnerabilities that are known to be exploited, whatever their severity.");

    private static readonly Option<bool> Fixable = Flag("--only-fixable", "Only vulnerabilities with a fix count.");

    private static readonly Option<string?> FixGrace =
        ApiCommand.Text("--fix-grace", "How long there must have been a fix for a vulnerability to count: 14d.");

    private static readonly Option<string?> ScanGrace =
        ApiCommand.Text("--scan-grace", "How long a new image is let through that was not looked into. Default: 1d.");

    private static readonly Option<bool> Unscanned =
        Flag("--allow-unscanned", "Let images through whose vulnerabilities or licences can't be found out.");

    private static readonly Option<bool> Signed = Flag("--signed", "Somebody who is trusted must have signed it.");

    private static readonly Option<string[]> SignedBy =
        Many("--signed-by", "A key, identity or policy of trust that must have verified a signature. May be repeated.");

    private static readonly Option<bool> Sbom = Flag("--sbom", "It must come with a bill of materials.");

    private static readonly Option<bool> Provenance = Flag("--provenance", "It must come with its provenance.");

    private static readonly Option<string[]> Labels =
        Many("--label", "A label that it must have: NAME or NAME=VALUE. May be repeated.");

    private static readonly Option<string?> MaxAge = ApiCommand.Text("--max-age", "How old it may be, such as 90d.");

    private static readonly Option<string[]> Bases =
        Many("--base", "A pattern of base images, one of which it must name, such as docker.io/library/debian:*.");

    private static readonly Option<string[]> AllowLicenses =
        Many("--allow-license", "A licence that its packages may be under, such as MIT or BSD-*. May be repeated.");

    private static readonly Option<string[]> DenyLicenses =
        Many("--deny-license", "A licence that none of its packages may be under, such as AGPL-*. May be repeated.");

    private static readonly Option<bool> UnknownLicenses =
        Flag("--allow-unknown-licenses", "With --allow-license: packages may also be under licences nobody knows.");

    /// <summary>All that says what a policy is.</summary>
    private static readonly Option[] Said =
    [
        Mandatory, Warn, On, Exempt, MaxSeverity, NoExploited, Fixable, FixGrace, ScanGrace, Unscanned, Signed,
        SignedBy, Sbom, Provenance, Labels, MaxAge, Bases, AllowLicenses, DenyLicenses, UnknownLicenses,
    ];

    public static Command Create()
    {
        var id = ApiCommand.Argument("ID", "The number of the policy.");
        var names = ApiCommand.Argument("NAMES", "The repositories: acme/app, acme/*, or acme/** for all below.");
        return ApiCommand.Group(
            "policy", "What images must be like to be pulled, pushed or promoted.",
            ApiCommand.Create(
                "list", "List policies.",
                call => call.ListAsync(
                    "policies" + (call.Parsed.GetValue(Space) is { } space
                        ? $"?namespace={Uri.EscapeDataString(space)}" : ""),
                    [
                        ("ID", ApiCall.Field("id")), ("NAMES", ApiCall.Field("names")),
                        ("ON", one => string.Join(",", PolicyWords.Texts(one, "on"))),
                        ("EFFECT", one => one.GetProperty("onlyWarns").GetBoolean() ? "warn" : "refuse"),
                        ("MANDATORY", one => one.GetProperty("isMandatory").GetBoolean() ? "yes" : "no"),
                        ("ASKS FOR", PolicyWords.Of), ("BY", ApiCall.Field("createdBy")),
                    ]),
                Space),
            ApiCommand.Create(
                "add", "Say what images must be like.",
                call => call.DoAsync(
                    "POST", "policies", BodyOf(call, call.Parsed.GetValue(names)!),
                    made => PolicyWords.Written(made, "counts now for")),
                [names, .. Said]),
            ApiCommand.Create(
                "replace", "Replace a whole policy: what is not given is not kept.",
                call => call.DoAsync(
                    "PUT", $"policies/{call.PathOf(id)}",
                    BodyOf(call, call.Parsed.GetValue(Names) ?? throw new InvalidDataException(
                        "--names is missing: the options replace the whole policy, so give all that it is to be, "
                        + $"with --names; 'berth policy list' shows what policy {call.Parsed.GetValue(id)} is now")),
                    made => PolicyWords.Written(made, "is for")),
                [id, Names, .. Said]),
            ApiCommand.Create(
                "remove", "Remove a policy.",
                call => call.DoAsync(
                    "DELETE", $"policies/{call.PathOf(id)}", null,
                    _ => $"Policy {call.Parsed.GetValue(id)} is removed."),
                id),
            CreateTest());
    }

    private static Command CreateTest()
    {
        var image = new Argument<string?>("IMAGE")
        {
            Description = "REPOSITORY:TAG or REPOSITORY@DIGEST: show what the policies say of it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var on = ApiCommand.Text("--when", "With IMAGE: pull (the default), push or promotion.");
        var saved = ApiCommand.Text("--id", "Show which images this policy would refuse.");
        return ApiCommand.Create(
            "test",
            "Show what the policies say of an image; or which images a policy would refuse, saved (--id) or not "
            + "(--names and what it asks for). Exits with 3 if anything is refused.",
            async call =>
            {
                if (call.Parsed.GetValue(image) is { } named)
                    await TestImageAsync(call, named, call.Parsed.GetValue(on));
                else
                    await TestPolicyAsync(call, await PolicyOfAsync(call, call.Parsed.GetValue(saved)));
            },
            [image, on, saved, Names, .. Said]);
    }

    private static async Task TestImageAsync(ApiCall call, string image, string? on)
    {
        var path = ImageArgument.ParseImage(image).PathOf("/policies");
        if (on is not null) path += $"{(path.Contains('?') ? '&' : '?')}on={Uri.EscapeDataString(on)}";
        var seen = await call.Api.AskAsync("GET", path, null, call.Cancellation);
        if (call.IsJson)
        {
            Console.WriteLine(seen.GetRawText());
        }
        else
        {
            foreach (var one in seen.GetProperty("items").EnumerateArray())
            {
                var word = one.GetProperty("onlyWarns").GetBoolean() ? "warned of" : "refused";
                foreach (var reason in PolicyWords.Texts(one, "reasons"))
                    Console.WriteLine($"{word} by policy {ApiCall.Field("policy")(one)}: {PlainText.Of(reason, 1000)}");
            }

            if (seen.GetProperty("items").GetArrayLength() == 0)
            {
                var count = seen.GetProperty("policies").GetInt32();
                Console.WriteLine(count switch
                {
                    0 => "No policy applies to this image.",
                    1 => "The only policy that applies lets this image through.",
                    2 => "Both policies that apply let this image through.",
                    _ => $"All {count} policies that apply let this image through.",
                });
            }
        }

        if (seen.GetProperty("isRefused").GetBoolean())
            throw new ApiRefusalException("the image is refused") { IsVerdict = true };
    }

    private static async Task TestPolicyAsync(ApiCall call, JsonObject policy)
    {
        var (judged, refused) = (0L, 0L);
        for (string? last = ""; last is not null;)
        {
            var plan = await call.Api.AskAsync(
                "POST", "policies/plan" + (last.Length > 0 ? $"?last={Uri.EscapeDataString(last)}" : ""),
                policy.DeepClone().AsObject(), call.Cancellation);
            if (call.IsJson) Console.WriteLine(plan.GetRawText());
            else Print(plan);
            judged += plan.GetProperty("judged").GetInt64();
            refused += plan.GetProperty("refused").GetInt64();
            last = plan.TryGetProperty("next", out var next) ? next.GetString() : null;
        }

        if (!call.IsJson)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{refused:N0} of {judged:N0} images would be refused."));
        }

        if (refused > 0) throw new ApiRefusalException("some images would be refused") { IsVerdict = true };
    }

    private static void Print(JsonElement plan)
    {
        foreach (var one in plan.GetProperty("items").EnumerateArray())
        {
            var tags = string.Join(", ", PolicyWords.Texts(one, "tags"));
            if (tags.Length > 0) tags = ":" + tags;
            Console.WriteLine($"{ApiCall.Field("repository")(one)}{tags} ({ApiCall.Field("digest")(one)})");
            foreach (var reason in PolicyWords.Texts(one, "reasons"))
                Console.WriteLine($"  {PlainText.Of(reason, 1000)}");
        }

        foreach (var one in plan.GetProperty("audience").EnumerateArray())
        {
            var names = one.TryGetProperty("names", out _) ? PolicyWords.Texts(one, "names").ToList() : [];
            if (one.GetProperty("isPublic").GetBoolean()) names.Insert(0, "anybody");
            if (names.Count > 0)
                Console.WriteLine($"{ApiCall.Field("repository")(one)}: refused to {string.Join(", ", names)}");
        }
    }

    /// <summary>The policy that is tried: one that is saved, or what the options say.</summary>
    private static async Task<JsonObject> PolicyOfAsync(ApiCall call, string? id)
    {
        if (id is null)
        {
            return BodyOf(call, call.Parsed.GetValue(Names)
                ?? throw new InvalidDataException(
                    "name an image, a policy (--id), or repositories (--names) and what is asked for"));
        }

        var saved = await call.Api.AskAsync("GET", $"policies/{Uri.EscapeDataString(id)}", null, call.Cancellation);
        var body = new JsonObject();
        foreach (var field in saved.EnumerateObject().Where(
            one => one.Name is not ("id" or "createdAt" or "createdBy" or "version")))
        {
            body[field.Name] = JsonNode.Parse(field.Value.GetRawText());
        }

        return body;
    }

    private static JsonObject BodyOf(ApiCall call, string names)
    {
        var body = new JsonObject { ["names"] = names };
        if (call.Parsed.GetValue(Mandatory) is { } isMandatory) body["isMandatory"] = isMandatory;
        if (call.Parsed.GetValue(MaxSeverity) is { } worst) body["maxSeverity"] = worst;
        foreach (var (option, field) in new[]
        {
            (Warn, "onlyWarns"), (NoExploited, "refusesExploited"), (Fixable, "onlyFixable"),
            (Unscanned, "allowsUnscanned"), (Signed, "isSigned"), (Sbom, "hasSbom"), (Provenance, "hasProvenance"),
            (UnknownLicenses, "allowsUnknownLicenses"),
        })
        {
            if (call.Parsed.GetValue(option)) body[field] = true;
        }

        foreach (var (option, field) in new[]
        {
            (On, "on"), (Exempt, "exempt"), (SignedBy, "signedBy"), (Labels, "labels"), (Bases, "baseImages"),
            (AllowLicenses, "allowedLicenses"), (DenyLicenses, "deniedLicenses"),
        })
        {
            if (call.Parsed.GetValue(option) is { Length: > 0 } texts)
                body[field] = new JsonArray([.. texts.Select(text => (JsonNode)text)]);
        }

        foreach (var (option, field) in new[]
        {
            (FixGrace, "fixGraceSeconds"), (ScanGrace, "scanGraceSeconds"), (MaxAge, "maxAgeSeconds"),
        })
        {
            if (call.Parsed.GetValue(option) is { } text) body[field] = ApiCall.DurationOf(text).TotalSeconds;
        }

        return body;
    }

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Option<string[]> Many(string name, string description) => new(name) { Description = description };
}
