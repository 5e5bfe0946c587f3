namespace Berth.Pages;

/// <summary>The page of the audit log.</summary>
internal partial class English
{
    private const string ApiPrefix = " /api/v1/";

    /// <summary>Actions of the log that are no routes, and routes whose last word is a verb.</summary>
    private static readonly Dictionary<string, string> AuditActions = new(StringComparer.Ordinal)
    {
        ["start"] = "Started the registry",
        ["sign-in"] = "Signed in",
        ["sign-out"] = "Signed out",
        ["push"] = "Pushed",
        ["pull"] = "Pulled",
        ["mount"] = "Mounted a blob",
        ["delete"] = "Deleted",
        ["register"] = "Made an account",
        ["link"] = "Linked an account",
        ["groups"] = "Updated teams from groups",
        ["make-namespace"] = "Made a namespace",
        ["POST /auth/account"] = "Changed how they sign in",
        ["POST /api/v1/access/explain"] = "Checked somebody's access",
        ["POST /api/v1/backups/verification"] = "Had backups read again",
        ["POST /api/v1/garbage-collections"] = "Asked for a garbage collection",
        ["POST /api/v1/me/tokens/{id}/rotate"] = "Rotated a token",
        ["POST /api/v1/repositories/copies"] = "Copied a repository",
        ["POST /api/v1/repositories/moves"] = "Renamed a repository",
        ["POST /api/v1/retention/runs"] = "Ran the rules on tags",
        ["POST /api/v1/robots/{name}/rotate"] = "Rotated a robot's secret",
        ["POST /api/v1/vulnerabilities/updates"] = "Had sources of vulnerabilities asked",
        ["POST /api/v1/search/rebuilds"] = "Rebuilt the search index",
        ["POST /api/v1/policies/plan"] = "Tried a policy",
        ["POST /api/v1/tag-rules/plan"] = "Tried a rule on tags",
        ["POST /api/v1/trash/empty"] = "Emptied the trash",
        ["POST /api/v1/trash/{id}/restore"] = "Restored from the trash",
        ["DELETE /api/v1/trash/{id}"] = "Emptied an entry of the trash",
        ["POST /api/v1/users/{name}/tokens/{id}/rotate"] = "Rotated a token",
        ["PATCH /api/v1/me"] = "Changed their account",
        ["DELETE /api/v1/me/tokens/current"] = "Revoked a token",
        ["DELETE /api/v1/me/tokens/{id}"] = "Revoked a token",
        ["DELETE /api/v1/users/{name}/tokens/{id}"] = "Revoked a token",
        ["DELETE /api/v1/me/sessions"] = "Signed out everywhere",
        ["DELETE /api/v1/users/{name}/sessions"] = "Signed a user out everywhere",
        ["DELETE /api/v1/me/sessions/{id}"] = "Signed out a browser or program",
        ["DELETE /api/v1/users/{name}/sessions/{id}"] = "Signed out a user's browser or program",
        ["POST /api/v1/me/authenticator"] = "Began to add an authenticator app",
        ["POST /api/v1/me/authenticator/confirm"] = "Added an authenticator app",
        ["POST /api/v1/me/passkeys/options"] = "Began to add a passkey",
        ["POST /api/v1/me/recovery-codes"] = "Made new recovery codes",
        ["PUT /api/v1/organizations/{organization}/members/{user}"] = "Added or changed a member",
        ["PUT /api/v1/organizations/{organization}/teams/{team}/members/{user}"] = "Added a member to a team",
        ["DELETE /api/v1/organizations/{organization}/teams/{team}/members/{user}"] = "Removed a member from a team",
        ["PUT /api/v1/stars/{name}"] = "Starred a repository",
        ["DELETE /api/v1/stars/{name}"] = "Removed a star",
        ["PUT /api/v1/tags/{tag}"] = "Moved a tag",
    };

    /// <summary>What a collection of the API has.</summary>
    private static readonly Dictionary<string, string> AuditNouns = new(StringComparer.Ordinal)
    {
        ["authenticator"] = "an authenticator app",
        ["backups"] = "a backup",
        ["grants"] = "a grant",
        ["groups"] = "a group of a team",
        ["identities"] = "a linked account",
        ["imports"] = "an import",
        ["invitations"] = "an invitation",
        ["keyless-rules"] = "a keyless rule",
        ["members"] = "a member",
        ["organizations"] = "an organization",
        ["passkeys"] = "a passkey",
        ["password"] = "a password",
        ["pins"] = "a list of images in use",
        ["policies"] = "a policy",
        ["quotas"] = "a quota",
        ["recovery-codes"] = "recovery codes",
        ["repositories"] = "a repository",
        ["robots"] = "a robot",
        ["second-factors"] = "second factors",
        ["sessions"] = "sessions",
        ["stars"] = "a star",
        ["tag-rules"] = "a rule on tags",
        ["trust"] = "a trusted signer",
        ["tags"] = "a tag",
        ["teams"] = "a team",
        ["tokens"] = "a token",
        ["users"] = "a user",
        ["waivers"] = "a waiver",
    };

    public virtual string AuditLog => "Audit log";
    public virtual string AuditText => "Who did what, the newest first";
    public virtual string NoEntries => "Nothing that fits these filters was noted.";
    public virtual string Target => "Target";
    public virtual string Result => "Result";
    public virtual string From => "Address";
    public virtual string Program => "Program";
    public virtual string Request => "Request";
    public virtual string LoggedAs => "In the log";
    public virtual string SignedInBy => "Signed in by";
    public virtual string Details => "Details";
    public virtual string AuditShows => "Show";
    public virtual string TimeFault => "This is not a time: write it as 2026-11-26T07:00, in UTC.";

    public virtual IReadOnlyList<(string Value, string Text)> AuditChanges =>
        [("true", "Changes and refusals"), ("false", "Reads and sign-ins, too")];

    public virtual IReadOnlyList<(string Value, string Text)> AuditResults =>
        [("", "any"), ("done", "done"), ("denied", "denied")];

    public virtual string AuditFilter(string name) => name switch
    {
        "actor" => "Who",
        "repository" => "Repository",
        "action" => "What",
        "result" => Result,
        "since" => "From (UTC)",
        _ => "Before (UTC)",
    };

    public virtual string AuditExample(string name) => name switch
    {
        "actor" => "ann",
        "repository" => "acme/app",
        _ => "push",
    };

    /// <summary>What the log calls by a route, in words.</summary>
    public virtual string AuditAction(string action)
    {
        if (AuditActions.TryGetValue(action, out var known)) return known;
        var at = action.IndexOf(ApiPrefix, StringComparison.Ordinal);
        if (at < 0) return action;
        var last = action[(at + ApiPrefix.Length)..].Split('/').LastOrDefault(part => !part.StartsWith('{'), "");
        var verb = action[..at] switch
        {
            "GET" => "Looked at",
            "POST" => "Added",
            "PUT" => "Set",
            "PATCH" => "Changed",
            "DELETE" => "Removed",
            _ => null,
        };
        if (verb is null || last.Length == 0) return action;
        return verb == "Looked at" ? $"{verb} {last.Replace('-', ' ')}"
            : $"{verb} {AuditNouns.GetValueOrDefault(last, last.Replace('-', ' '))}";
    }
}
