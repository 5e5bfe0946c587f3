namespace Berth.Lifecycle;

/// <summary>A table that is copied.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">The columns of its primary key, in order.</param>
/// <param name="HasIdentity">Whether the database numbers its rows.</param>
/// <param name="IsOfPlace">Whether it is about this database, this store and what runs there: not in backups.</param>
internal sealed record CopiedTable(
    string Name, IReadOnlyList<string> Key, bool HasIdentity = false, bool IsOfPlace = false)
{
    /// <summary>Whether triggers write it when the tables before it are copied.</summary>
    public bool IsDerived { get; init; }

    /// <summary>All tables except the list of migrations, each before those that refer to it.</summary>
    public static IReadOnlyList<CopiedTable> All { get; } =
    [
        new("store_mark", ["id"], IsOfPlace: true),
        new("repository", ["id"], HasIdentity: true),
        new("repository_readme", ["repository_id"]),
        new("repository_redirect", ["name"]),
        new("account", ["id"], HasIdentity: true),
        new("identity", ["source", "subject"]),
        new("account_group", ["account_id", "source", "name"]),
        new("organization_member", ["organization_id", "account_id"]),
        new("team", ["id"], HasIdentity: true),
        new("team_member", ["team_id", "account_id"]),
        new("team_group", ["team_id", "source", "name"]),
        new("access_grant", ["id"], HasIdentity: true),
        new("token", ["id"], HasIdentity: true),
        new("authenticator", ["account_id"]),
        new("recovery_code", ["account_id", "hash"]),
        new("passkey", ["id"]),
        new("invitation", ["id"], HasIdentity: true),
        new("session", ["hash"]),
        new("device_request", ["hash"]),
        new("keyless_rule", ["id"], HasIdentity: true),
        new("token_key", ["id"]),
        new("access_version", ["id"]),
        new("audit_entry", ["id"], HasIdentity: true),
        new("blob", ["digest"]),
        new("repository_blob", ["repository_id", "digest"]),
        new("repository_usage", ["repository_id"]) { IsDerived = true },
        new("namespace_blob", ["namespace", "digest"]) { IsDerived = true },
        new("namespace_usage", ["namespace"]) { IsDerived = true },
        new("quota", ["scope"]),
        new("manifest_body", ["digest"]),
        new("manifest", ["repository_id", "digest"]),
        new("manifest_reference", ["repository_id", "manifest_digest", "target_digest", "kind"]),
        new("tag", ["repository_id", "name"]),
        new("tag_history", ["id"], HasIdentity: true),
        new("trash", ["id"], HasIdentity: true),
        new("trash_manifest", ["repository_id", "digest"]),
        new("trash_tag", ["trash_id", "name"]),
        new("notice", ["id"], HasIdentity: true, IsOfPlace: true),
        new("pull_day", ["repository_id", "day"]),
        new("star", ["account_id", "repository_id"]),
        new("tag_rule", ["id"], HasIdentity: true),
        new("trust_entry", ["id"], HasIdentity: true),
        new("policy", ["id"], HasIdentity: true),
        new("waiver", ["id"], HasIdentity: true),
        new("trust_version", ["namespace"]),
        new("pin_list", ["name"]),
        new("pin", ["list", "digest", "repository"]),
        new("retention_run", ["id"], HasIdentity: true),
        new("upload", ["id"], IsOfPlace: true),
        new("signing_key", ["purpose"]),
        new("garbage_collection", ["id"], HasIdentity: true),
        new("registry_import", ["id"], HasIdentity: true),
        new("import_note", ["id"], HasIdentity: true),
        new("job", ["id"], HasIdentity: true, IsOfPlace: true),
        new("job_history", ["id"], HasIdentity: true),
        new("store_hold", ["id"], IsOfPlace: true),
        new("backup", ["id"], HasIdentity: true, IsOfPlace: true),
        new("scrub", ["id"], IsOfPlace: true),
        new("journal_change", ["id"], HasIdentity: true, IsOfPlace: true) { IsDerived = true },
        new("journal_writer", ["id"], IsOfPlace: true),
        new("blob_fault", ["digest"], IsOfPlace: true),
        new("layer_index", ["digest"], IsOfPlace: true),
        new("image_scan", ["id"], HasIdentity: true, IsOfPlace: true),
        new("package", ["id"], HasIdentity: true, IsOfPlace: true),
        new("image_package", ["image_id", "package_id"], IsOfPlace: true),
        new("vulnerability_data", ["id"], IsOfPlace: true),
        new("vulnerability", ["id"], HasIdentity: true, IsOfPlace: true),
        new("vulnerability_alias", ["name", "vulnerability_id"], IsOfPlace: true),
        new("finding", ["package_id", "vulnerability_id"], IsOfPlace: true),
        new("scanner", ["name"], IsOfPlace: true),
        new("scanner_report", ["id"], HasIdentity: true, IsOfPlace: true),
        new("scanner_finding", ["report_id", "position"], IsOfPlace: true),
        new("adapter_scan", ["id"], IsOfPlace: true),
        new("adapter_report", ["scan_id", "kind"], IsOfPlace: true),
        new("adapter_layer", ["registry", "digest"], IsOfPlace: true),
        new("adapter_ecosystem", ["name"], IsOfPlace: true),
        new("signed_artifact", ["id"], HasIdentity: true, IsOfPlace: true),
        new("signature_result", ["artifact_id", "position"], IsOfPlace: true),
        new("image_statement", ["repository_id", "subject_digest", "document", "position"], IsOfPlace: true),
        new("sbom_attachment", ["repository_id", "digest"]),
        new("search_word", ["repository_id", "word", "kind", "source"], IsOfPlace: true),
        new("search_pending", ["repository_id"], IsOfPlace: true),
        new("search_rebuild", ["id"], HasIdentity: true, IsOfPlace: true),
    ];

    /// <summary>What a backup holds.</summary>
    public static IReadOnlyList<CopiedTable> BackedUp { get; } = [.. All.Where(table => !table.IsOfPlace)];
}

/// <summary>What a table holds: how many rows, and a digest of all of them.</summary>
internal sealed record TableContent(long Rows, string Digest);

/// <summary>A table on both sides after copying.</summary>
internal sealed record ComparedTable(string Name, TableContent Source, TableContent Target)
{
    public bool IsSame => Source == Target;
}
