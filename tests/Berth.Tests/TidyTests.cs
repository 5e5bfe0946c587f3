using System.Text.RegularExpressions;

namespace Berth.Tests;

/// <summary>The rules of STYLE.md and the dependencies of ARCHITECTURE.md, enforced by tests.</summary>
public sealed partial class TidyTests
{
    /// <summary>
    /// Which other folders each folder of src/Berth may use. Null: everything except the command line. A …Slice.cs
    /// wires up its folder, and may use everything.
    /// </summary>
    private static readonly Dictionary<string, string[]?> Arrows = new()
    {
        ["Oci"] = [],
        ["Settings"] = ["Disk", "Oci"],
        ["Disk"] = [],
        ["Telemetry"] = [],
        ["Blobs"] = ["Oci", "Disk", "Settings", "Telemetry"],
        ["Metadata"] = ["Oci", "Disk", "Settings", "Telemetry"],
        ["Access"] = ["Oci", "Metadata", "Settings"],
        ["Attaching"] =
            [
                "Oci", "Contents", "Disk", "Import", "Jobs", "Lifecycle", "Metadata", "Packages", "Policies",
                "Registry", "Sbom", "Settings",
            ],
        ["Audit"] = ["Access", "Metadata", "Jobs", "Settings"],
        ["Identity"] = ["Oci", "Access", "Audit", "Metadata", "Jobs", "Settings"],
        ["Jobs"] = ["Oci", "Metadata", "Settings", "Telemetry"],
        ["Registry"] = ["Oci", "Disk", "Blobs", "Metadata", "Jobs", "Settings", "Telemetry"],
        ["Transport"] = ["Disk", "Settings"],
        ["Distribution"] =
            [
                "Oci", "Blobs", "Metadata", "Registry", "Transport", "Access", "Audit", "Identity", "Policies",
                "Settings",
            ],
        ["Api"] =
            [
                "Oci", "Metadata", "Registry", "Access", "Audit", "Identity", "Settings", "Distribution", "Jobs",
                "Lifecycle", "Import", "Backups", "Contents", "Disk", "Packages", "Sbom", "Scanning", "Search",
                "Policies", "Verifying", "Vulnerabilities",
            ],
        ["Policies"] = ["Oci", "Access", "Metadata", "Registry", "Sbom", "Scanning", "Settings", "Verifying"],
        ["Search"] = ["Oci", "Metadata", "Access", "Jobs", "Settings"],
        ["Lifecycle"] = ["Oci", "Blobs", "Metadata", "Jobs", "Registry", "Settings", "Telemetry"],
        ["Import"] = ["Oci", "Disk", "Blobs", "Metadata", "Jobs", "Registry", "Settings"],
        ["Backups"] =
            ["Oci", "Disk", "Blobs", "Metadata", "Jobs", "Settings", "Telemetry", "Lifecycle"],
        ["Journal"] = ["Oci", "Blobs", "Metadata", "Settings", "Telemetry"],
        ["Scrubbing"] =
            ["Oci", "Blobs", "Metadata", "Jobs", "Settings", "Telemetry", "Lifecycle", "Backups"],
        ["Contents"] = ["Oci", "Disk", "Packages", "Blobs", "Metadata", "Jobs", "Settings", "Telemetry", "Lifecycle"],
        ["Scanning"] =
            [
                "Oci", "Packages", "Sbom", "Versions", "Vulnerabilities", "Contents", "Metadata", "Jobs", "Settings",
                "Lifecycle",
            ],
        ["Scanners"] = ["Oci", "Access", "Import", "Metadata", "Jobs", "Settings", "Vulnerabilities"],
        ["HarborAdapter"] =
            [
                "Oci", "Disk", "Access", "Blobs", "Contents", "Identity", "Import", "Jobs", "Metadata", "Packages",
                "Sbom", "Scanners", "Scanning", "Settings", "Vulnerabilities",
            ],
        ["Packages"] = ["Disk", "Oci"],
        ["Sbom"] = ["Oci", "Packages"],
        ["Versions"] = [],
        ["Vulnerabilities"] = ["Disk", "Packages", "Settings", "Versions"],
        ["Signatures"] = ["Oci"],
        ["Verifying"] =
            [
                "Oci", "Signatures", "Access", "Blobs", "Metadata", "Jobs", "Settings", "Lifecycle", "Vulnerabilities",
            ],
        ["Logging"] = ["Oci", "Blobs", "Metadata", "Access", "Settings", "Distribution"],
        ["Pages"] = ["Oci", "Access", "Identity", "Settings", "Distribution", "Api"],
        ["Hosting"] = null,
        ["Cli"] = null,
    };

    /// <summary>The files that list the words forbidden in other files.</summary>
    private static readonly string[] RuleFiles = ["tests/Berth.Tests/TidyTests.cs", "STYLE.md"];

    [Fact]
    public void Functions_have_at_most_70_lines() => Empty(
        from file in Code
        from function in SourceTree.FunctionsOf(file.Lines)
        where function.Length > 70
        select $"{file.Path}:{function.Line}: {function.Length} lines: {function.Signature}");

    [Fact]
    public void Files_have_at_most_400_lines() => Empty(
        from file in Code where file.Lines.Length > 400 select $"{file.Path}: {file.Lines.Length} lines");

    [Fact]
    public void Lines_have_at_most_120_characters() => Empty(
        Code.SelectMany(f => f.Matches(new Regex("^.{121,}$"))));

    [Fact]
    public void Text_has_no_tabs_and_no_spaces_at_the_end_of_a_line() => Empty(
        from file in SourceTree.Files
        where file.Path != "LICENSE"
        from match in file.Matches(new Regex(file.Path == "Makefile" ? @"\s$" : @"\t|\s$"))
        select match);

    [Fact]
    public void No_file_or_type_has_a_name_that_says_nothing()
    {
        const string Names = "(Service|Manager|Helper|Util|Common|Base|Impl|Provider)s?";
        var type = new Regex(@"\b(class|struct|record|interface|enum)\s+\w*" + Names + @"\b(?!\w)");
        Empty(Code.SelectMany(f => f.Matches(type))
            .Concat(from file in Code where Regex.IsMatch(file.Path, Names + @"(\.cs$|/)") select file.Path));
    }

    [Fact]
    public void Each_folder_uses_only_those_that_its_arrows_point_to() => Empty(
        from file in Program
        where file.Slice.Length > 0 && !file.Path.EndsWith("Slice.cs", StringComparison.Ordinal)
        from match in file.Lines.SelectMany(line => BerthNamespace().Matches(line))
        let used = match.Groups[1].Value
        where Arrows.ContainsKey(used) && used != file.Slice && !MayUse(file.Slice, used)
        select $"{file.Path}: {file.Slice} uses {used}");

    [Fact]
    public void Each_folder_has_its_arrows() => Empty(
        from file in Program where file.Slice.Length > 0 && !Arrows.ContainsKey(file.Slice) select file.Path);

    [Fact]
    public void A_file_has_the_namespace_of_its_folder() => Empty(
        from file in Program
        where file.Slice.Length > 0 && !file.Lines.Contains($"namespace Berth.{file.Slice};")
        select file.Path);

    [Fact]
    public void Every_public_type_of_the_program_says_what_it_is() => Empty(
        from file in Program
        from index in Enumerable.Range(0, file.Lines.Length)
        where PublicType().IsMatch(file.Lines[index]) && !IsDocumented(file.Lines, index)
        select $"{file.Path}:{index + 1}: {file.Lines[index]}");

    [Fact]
    public void Every_setting_has_a_row_in_the_table_of_its_record() => Empty(
        from file in Program
        where file.Slice == "Settings" && file.Lines.Any(line => line.Contains(" Keys { get; }"))
        from line in file.Lines
        let property = Setting().Match(line).Groups[1].Value
        where property.Length > 0 && !file.Lines.Any(row => row.Contains($"s => s.{property},"))
        select $"{file.Path}: no row for {property}");

    [Fact]
    public void Only_the_command_line_and_the_log_write_to_the_console() => Empty(
        from file in Program
        where file.Slice is not ("Cli" or "Logging" or "")
        from match in file.Matches(new Regex(@"\bConsole\.(Write|Error\b|Out\b)"))
        select match);

    [Fact]
    public void No_comment_defers_work() => Empty(
        Unruled.SelectMany(f => f.Matches(new Regex(@"\b(TODO|FIXME|HACK|XXX|NotImplementedException)\b"))));

    [Fact]
    public void No_test_can_be_skipped() => Empty(
        Unruled.Where(f => f.IsCode).SelectMany(f => f.Matches(new Regex(
            @"\bSkip\s*=|Assert\.Skip|SkipWhen|SkipUnless|\bExplicit\s*=\s*true"))));

    // In quotes crates.io is what OSV calls an ecosystem.
    [Fact]
    public void No_file_names_a_public_registry_or_a_folder_of_one_machine() => Empty(
        Unruled.SelectMany(f => f.Matches(new Regex(
            @"(hub|registry-1|index)\.docker\.|\b(ghcr|quay|gcr|azurecr|lscr)\.io\b|registry\.k8s\.|mcr\.microsoft\."
            + @"|public\.ecr\.|\bnuget\.org|npmjs\.|pypi\.|(?<!"")crates\.io|(^|[\s""'(=])/(work|home|Users)/\w"))));

    [Fact]
    public void Links_in_the_documents_lead_somewhere() => Empty(
        from file in SourceTree.Files
        where file.Path.EndsWith(".md", StringComparison.Ordinal)
        from link in file.Lines.SelectMany(line => Link().Matches(line)).Select(m => m.Groups[1].Value)
        where !link.StartsWith("https://", StringComparison.Ordinal) && !LeadsSomewhere(file, link)
        select $"{file.Path}: {link}");

    [Fact]
    public void A_function_is_measured_from_its_signature_to_its_closing_brace()
    {
        string[] lines =
        [
            "internal sealed class Example", // 1
            "{",
            "    private int number = Next(1);",
            "",
            "    public int Double(",
            "        int n)",
            "    {",
            "        return n * 2;",
            "    }",
            "",
            "    public int Half(int n) => Try(() =>", // 11
            "    {",
            "        return n / 2;",
            "    });",
            "",
            "    private sealed record Inner(int N)", // 16
            "    {",
            "        public int Third() => N",
            "            / 3;",
            "    }",
            "}",
        ];
        Assert.Equal(
            [(5, 5), (11, 4), (18, 2)], SourceTree.FunctionsOf(lines).Select(f => (f.Line, f.Length)));
    }

    private static IEnumerable<SourceFile> Code => SourceTree.Files.Where(f => f.IsCode);

    private static IEnumerable<SourceFile> Program => SourceTree.Files.Where(f => f.IsProgram);

    private static IEnumerable<SourceFile> Unruled => SourceTree.Files.Where(f => !RuleFiles.Contains(f.Path));

    private static void Empty(IEnumerable<string> faults)
    {
        var all = faults.ToList();
        if (all.Count > 0) Assert.Fail(string.Join('\n', all));
    }

    private static bool MayUse(string folder, string used) =>
        Arrows.GetValueOrDefault(folder) is { } allowed ? allowed.Contains(used) : folder == "Cli" || used != "Cli";

    private static bool IsDocumented(string[] lines, int index)
    {
        while (index > 0 && lines[index - 1].StartsWith('[')) index--;
        return index > 0 && lines[index - 1].StartsWith("///", StringComparison.Ordinal);
    }

    private static bool LeadsSomewhere(SourceFile from, string link)
    {
        var (path, anchor) = link.Split('#', 2) is [var p, var a] ? (p, a) : (link, "");
        var target = path.Length == 0
            ? Path.Combine(SourceTree.Root, from.Path)
            : Path.Combine(SourceTree.Root, Path.GetDirectoryName(from.Path)!, path);
        if (!Path.Exists(target)) return false;
        return anchor.Length == 0
            || File.ReadLines(target).Any(line => line.StartsWith('#') && AnchorOf(line) == anchor);
    }

    /// <summary>The anchor that code hosts give a heading: lower case, no punctuation, dashes for spaces.</summary>
    private static string AnchorOf(string heading) => string.Concat(
        heading.TrimStart('#').Trim().ToLowerInvariant()
            .Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')
            .Select(c => c == ' ' ? '-' : c));

    [GeneratedRegex(@"^    public \S.* (\w+) \{ get; init; \}")]
    private static partial Regex Setting();

    [GeneratedRegex(@"\bBerth\.([A-Z]\w+)\b")]
    private static partial Regex BerthNamespace();

    [GeneratedRegex(@"^public .*\b(class|struct|record|interface|enum|delegate)\b")]
    private static partial Regex PublicType();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
