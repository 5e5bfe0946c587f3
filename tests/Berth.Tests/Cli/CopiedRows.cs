using Berth.Metadata;
using Berth.Oci;

namespace Berth.Tests.Cli;

/// <summary>Rows in tables that pushes and deletions don't fill.</summary>
internal static class CopiedRows
{
    private static readonly string[] Statements =
    [
        "INSERT INTO signing_key (purpose, secret, created_at) VALUES ('token', x'01', 1)",
        "INSERT INTO garbage_collection VALUES (1, 1, 'done', 1, 'x', 1, 1, 1, 2, 3, 4, 'y', 1, 5)",
        "INSERT INTO registry_import VALUES (1, '', '', 0, '', 1, '', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
        "INSERT INTO import_note VALUES (1, 1, '', '', '')",
        "INSERT INTO organization_member VALUES (2, 1, 'owner', 1, 'x')",
        "INSERT INTO notice VALUES (1, '')",
        "INSERT INTO team VALUES (1, 2, 'dev', '', 1, 'x', 1)",
        "INSERT INTO team_member VALUES (1, 1)",
        "INSERT INTO team_group VALUES (1, 'ldap', 'dev')",
        "INSERT INTO trash_manifest VALUES (1, 'd', 1, 't', 1, 'a', 's', '', 1, 'x', 2, 3)",
        "INSERT INTO store_hold VALUES ('x', 1)",
        "INSERT INTO backup VALUES (1, 'x', 'y', 'whole', 1, 2, 3, 4, 5, 6, 7, 8, 'z')",
        "INSERT INTO blob_fault VALUES ('sha256:x', 1, 'y', 2, 'push')",
        "INSERT INTO layer_index VALUES ('sha256:x', 'waiting', 1, 0, 0, '', 0, 0, NULL, NULL, NULL, 0)",
        "INSERT INTO image_scan VALUES (1000, 'sha256:x', 'waiting', 1, 0, 0, 2, '', NULL, 0, 1, NULL, 2, 1, 1, 1, 1, "
            + "1, 1, 1, 1, 1, 1, 'MIT', 1)",
        "INSERT INTO package VALUES (1000, 'deb', 'libc6', '2.36', 'Debian:12', 'glibc', '2.36', 1, 'm:1')",
        "INSERT INTO image_package VALUES (1000, 1000, 0, 'a')",
        "INSERT INTO vulnerability_data VALUES (1, 1, 'a', 1, 1, 'npm', '[]', 'a')",
        "INSERT INTO vulnerability VALUES (1000, 'CVE-2021-44228', 'GHSA-x', 'Log4j', 1, 1, 1, 1, 1)",
        "INSERT INTO finding VALUES (1000, 1000, 'GHSA-x', 4, 100, 'CVSS:3.1/', '2.15.0', 1, 1, 'fixed', 'a', 1)",
        "INSERT INTO vulnerability_alias VALUES ('GHSA-X', 1000)",
        "INSERT INTO scanner VALUES ('trivy', 'Trivy', 'Aqua', '1', 1, 'x', 2, 3, '')",
        "INSERT INTO scanner_report VALUES (1000, 1000, 'trivy', 'read', 1, 0, 0, '', NULL, 'x', '', 2, 'Trivy', "
            + "'Aqua', '1', '', 1, 1, 0, 0, 0, 0, 0, 1, 'y')",
        "INSERT INTO scanner_finding VALUES (1000, 0, 'CVE-2021-44228', 'log4j', '2', '2.15.0', 4, 100, '')",
        "INSERT INTO trust_entry VALUES (1000, 'keys', '', 'x', 'y', 1, 'z', 1)",
        "INSERT INTO policy VALUES (1000, 'team/**', 'team', '{}', 1, 1, 'x', 2)",
        "INSERT INTO waiver VALUES (1000, 'team/**', 'team', 'CVE-1', '', 'why', 2, 1, 1, 'x')",
        "INSERT INTO trust_version VALUES ('', 1, 1)",
        "INSERT INTO signed_artifact VALUES (1000, 1, 'sha256:x', 'sha256:y', '', 'read', 1, 0, 0, 1, 0, 2)",
        "INSERT INTO signature_result VALUES (1000, 0, 'sha256:x', 'failed', 'x', NULL, NULL, NULL, NULL, NULL, NULL, "
            + "NULL, '', 'y')",
        "INSERT INTO image_statement VALUES (1, 'sha256:y', 'sha256:x', 0, '', 'CVE-1', '*', 'fixed', 'z', 1)",
        "INSERT INTO sbom_attachment VALUES (1, 'sha256:y', 'sha256:x', 1)",
        "INSERT INTO journal_change VALUES (1000000, 1, 'tag', 'x')",
        "INSERT INTO search_pending VALUES (1000000, 1)",
        "INSERT INTO search_rebuild VALUES (1000, 1, 'x', 2, 3, 'a', 5, 6)",
        "INSERT INTO pull_day VALUES (1, 20000, 3)",
        "INSERT INTO repository_readme VALUES (1, '# App')",
        "INSERT INTO repository_redirect VALUES ('old/name', 1, 2, 'x')",
        "INSERT INTO star VALUES (1, 1, 2)",
        "INSERT INTO tag_rule VALUES (1, 'team/**', 'team', '{}', 1, 'x', 2)",
        "INSERT INTO quota VALUES ('team', 1000, 10, 80, 1, 'x', 2)",
        "INSERT INTO pin_list VALUES ('cluster', 1, 'x', 2)",
        "INSERT INTO pin VALUES ('cluster', 'd', '')",
        "INSERT INTO retention_run VALUES (1, 'a', NULL, 'done', 1, 'x', 2, 3, 4, 5, 'y')",
    ];

    /// <summary>Adds them.</summary>
    public static async ValueTask<bool> FillAsync(Session session)
    {
        var now = TimeProvider.System.GetUtcNow();
        var ann = (await AccountTable.AddAsync(session, new AccountRow(0, AccountKinds.User, "ann")))!.Id;
        var team = (await AccountTable.AddAsync(session, new AccountRow(0, AccountKinds.Organization, "team")))!.Id;
        await AccountTable.AddAsync(session, new AccountRow(0, AccountKinds.Robot, "robot.ci") { OwnerId = team });
        await IdentityTable.AddAsync(session, new IdentityRow("ldap", "1", ann, "ann", now));
        await IdentityTable.SetGroupsAsync(session, ann, "ldap", ["dev"]);
        await GrantTable.PutAsync(session, ann, null, "team", new GrantRow(0, "", null, "team/**", "pull", now, ""));
        await TokenTable.AddAsync(session, new TokenRow(0, ann, TokenKinds.Personal, "laptop"), "hash");
        await SessionTable.AddAsync(session, new SessionRow("hash", ann, "password"));
        await DeviceTable.AddAsync(session, new DeviceRow("hash", "code", "laptop"));
        await KeylessRuleTable.AddAsync(session, new KeylessRuleRow(0, "ci", "sub == \"x\"", "pull", "team/**"));
        await SecondFactorTable.PutAuthenticatorAsync(session, new AuthenticatorRow(ann, [1, 2]));
        await SecondFactorTable.SetRecoveryCodesAsync(session, ann, ["hash"]);
        await SecondFactorTable.AddPasskeyAsync(session, new PasskeyRow("id", ann, "phone", [1, 2]));
        await InvitationTable.AddAsync(session, new InvitationRow(0, "bob", null), team, "hash");
        await TokenKeyTable.AddUnlessAsync(session, new TokenKeyRow("key", [1, 2], now), now);
        await AccessVersion.AdvanceAsync(session);
        await AdapterScanTable.AddAsync(
            session, new AdapterScanRow("id", AdapterScanStates.Waiting, "", now, 1, now), "sha256:x");
        await AdapterScanTable.EndAsync(session, "id", [("vulnerability", [1, 2])], now);
        await AdapterLayerTable.SaveAsync(
            session, "https://harbor.example.com:443", Digest.Of(DigestAlgorithm.Sha256, [1]),
            new AdapterLayerRow([1, 2], [3], now), "1 1");
        await AdapterLayerTable.WantAsync(session, "npm", now, now);
        foreach (var statement in Statements) await session.RunAsync(statement);
        return true;
    }
}
