using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Metadata;
using Berth.Verifying;

namespace Berth.Cli;

/// <summary>
/// <c>berth trust</c>: whose signatures count, and <c>berth verify-signature</c>: who signed an image.
/// </summary>
internal static class TrustCommand
{
    private static readonly Option<string?> Space =
        ApiCommand.Text("--namespace", "Where it counts. Default: in the whole registry, which is for administrators.");

    public static Command Create() => ApiCommand.Group(
        "trust", "Whose signatures count.",
        CreateKind("key", TrustKinds.Key, "Public keys of cosign.", "The key, as cosign.pub has it."),
        ApiCommand.Group(
            "identity", "Identities of keyless signatures.",
            CreateIdentity(), CreateList("identity", TrustKinds.Identity),
            CreateShow("identity", TrustKinds.Identity), CreateRemove("identity", TrustKinds.Identity)),
        CreateKind(
            "root", TrustKinds.Root, "What keyless signatures are verified with.", "A trusted_root.json of Sigstore."),
        CreateKind(
            "store", TrustKinds.Store, "Certificates that policies of Notary Project name: ca:NAME and the like.",
            "The certificates, as PEM."),
        CreateKind("policy", TrustKinds.Policy, "Policies of Notary Project.", "A trustpolicy.json of notation."));

    public static Command CreateVerify()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG or REPOSITORY@DIGEST.");
        return ApiCommand.Create(
            "verify-signature",
            "Tell who signed an image, as the registry has verified it. Exits with 1 if nobody who is trusted did.",
            async call =>
            {
                var asked = ImageArgument.ParseImage(call.Parsed.GetValue(image)!);
                var seen = await call.Api.AskAsync("GET", asked.PathOf("/signatures"), null, call.Cancellation);
                if (call.IsJson) Console.WriteLine(seen.GetRawText());
                else foreach (var one in seen.GetProperty("items").EnumerateArray()) Console.WriteLine(Say(one));
                if (!seen.GetProperty("isVerified").GetBoolean())
                    throw new ApiRefusalException("nobody who is trusted signed this image, as far as it is verified");
            },
            image);
    }

    private static Command CreateKind(string word, string kind, string description, string content)
    {
        var name = ApiCommand.Argument("NAME", "Its name.");
        var file = new Option<string>("--file") { Description = content, Required = true };
        var add = ApiCommand.Create(
            "add", $"Trust a {word}, or replace the one of that name.",
            async call => await PutAsync(
                call, kind, name,
                new JsonObject { ["content"] = await ReadAsync(call.Parsed.GetValue(file)!, call.Cancellation) }),
            name, file, Space);
        return ApiCommand.Group(
            word, description, add, CreateList(word, kind), CreateShow(word, kind), CreateRemove(word, kind));
    }

    private static Command CreateIdentity()
    {
        var name = ApiCommand.Argument("NAME", "Its name.");
        var issuer = new Option<string>("--issuer")
        {
            Description = "Who vouches for it: https://token.actions.githubusercontent.com.",
            Required = true,
        };
        var subject = new Option<string>("--subject")
        {
            Description = "The name in the certificate; * stands for text without slashes, ** for any text.",
            Required = true,
        };
        return ApiCommand.Create(
            "add", "Trust an identity, or replace the one of that name.",
            call => PutAsync(call, TrustKinds.Identity, name, new JsonObject
            {
                ["issuer"] = call.Parsed.GetValue(issuer),
                ["subject"] = call.Parsed.GetValue(subject),
            }),
            name, issuer, subject, Space);
    }

    private static Command CreateList(string word, string kind) => ApiCommand.Create(
        "list", $"List what is trusted as {word}.",
        call => call.ListAsync(
            $"trust?kind={kind}" + (call.Parsed.GetValue(Space) is { } space
                ? $"&namespace={Uri.EscapeDataString(space)}" : ""),
            [
                ("NAME", ApiCall.Field("name")), ("NAMESPACE", ApiCall.Field("namespace")),
                .. kind == TrustKinds.Identity
                    ? new (string, Func<JsonElement, string>)[]
                    {
                        ("ISSUER", ApiCall.Field("issuer")), ("SUBJECT", ApiCall.Field("subject")),
                    }
                    : [],
                ("SINCE", ApiCall.Time("createdAt")), ("BY", ApiCall.Field("createdBy")),
            ]),
        Space);

    private static Command CreateShow(string word, string kind)
    {
        var name = ApiCommand.Argument("NAME", "Its name.");
        return ApiCommand.Create(
            "show", $"Print a {word} that is trusted, as it was added.",
            call => call.DoAsync("GET", PathOf(call, kind, name), null, ContentOf),
            name, Space);
    }

    /// <summary>What was added, in lines that are safe to print.</summary>
    private static string ContentOf(JsonElement entry)
    {
        var text = entry.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String
            ? content.GetString()! : $"{ApiCall.Field("issuer")(entry)}\n{ApiCall.Field("subject")(entry)}";
        return string.Join('\n', text.TrimEnd().Split('\n').Select(line => PlainText.Of(
            line.TrimEnd('\r').Replace('\t', ' '), TrustEntry.MaxBodyChars)));
    }

    private static Command CreateRemove(string word, string kind)
    {
        var name = ApiCommand.Argument("NAME", "Its name.");
        return ApiCommand.Create(
            "remove", $"Stop trusting a {word}. Signatures that only it verified no longer count.",
            call => call.DoAsync(
                "DELETE", PathOf(call, kind, name), null, _ => SayRemoved(call, name)),
            name, Space);
    }

    private static string SayRemoved(ApiCall call, Argument<string> name) =>
        $"{call.Parsed.GetValue(name)} is no longer trusted in {call.Parsed.GetValue(Space) ?? "the whole registry"}.";

    private static Task PutAsync(ApiCall call, string kind, Argument<string> name, JsonObject body) => call.DoAsync(
        "PUT", PathOf(call, kind, name), body,
        made => $"{ApiCall.Field("name")(made)} is trusted now, "
            + (made.TryGetProperty("namespace", out var space) && space.ValueKind == JsonValueKind.String
                ? $"in {space}." : "in the whole registry."));

    private static string PathOf(ApiCall call, string kind, Argument<string> name) =>
        $"trust/{kind}/{call.PathOf(name)}" + (call.Parsed.GetValue(Space) is { } space
            ? $"?namespace={Uri.EscapeDataString(space)}" : "");

    private static async Task<string> ReadAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"there is no file '{path}'");
        if (new FileInfo(path).Length > TrustEntry.MaxBodyChars)
            throw new InvalidDataException($"{path} is larger than {TrustEntry.MaxBodyChars / 1024} KiB");
        return await File.ReadAllTextAsync(path, cancellation);
    }

    /// <summary>A signature in a line. Strangers wrote parts of it.</summary>
    private static string Say(JsonElement one)
    {
        var done = Text("predicateType").Length > 0 ? "attested" : "signed";
        var text = Text("verdict") == SignatureVerdicts.Verified
            ? $"verified: {done} by {Text("signer")} ({Text("kind")} {Text("trustedBy")})"
            : $"{Text("verdict")}: {Text("reason")}";
        if (Text("predicateType") is { Length: > 0 } predicate) text += $", says {predicate}";
        if (Text("index") is { Length: > 0 } index) text += $", through the index {index}";
        return $"{text}, in {Text("artifact")}";

        string Text(string field) => PlainText.Of(ApiCall.Field(field)(one), 500);
    }
}
