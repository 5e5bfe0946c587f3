using System.Text.RegularExpressions;

namespace Berth.Tests;

/// <summary>A text file of the project.</summary>
/// <param name="Path">From the project's root, with slashes.</param>
/// <param name="Lines">Its lines, without their ends.</param>
internal sealed record SourceFile(string Path, string[] Lines)
{
    public bool IsCode => Path.EndsWith(".cs", StringComparison.Ordinal);

    public bool IsProgram => IsCode && Path.StartsWith("src/Berth/", StringComparison.Ordinal);

    /// <summary>The folder under src/Berth, or empty for Program.cs.</summary>
    public string Slice => Path.Split('/') is [_, _, var folder, _, ..] ? folder : "";

    /// <summary><c>path:line: what</c> for each line that the pattern matches.</summary>
    public IEnumerable<string> Matches(Regex pattern) => Lines
        .Select((line, index) => (line, index))
        .Where(l => pattern.IsMatch(l.line))
        .Select(l => $"{Path}:{l.index + 1}: {l.line.Trim()}");

    /// <summary>The blocks of code in a language that a page has; empty: those that name none.</summary>
    public IEnumerable<string> BlocksOf(string language)
    {
        List<string>? open = null;
        var isWanted = false;
        foreach (var line in Lines)
        {
            if (!line.StartsWith("```", StringComparison.Ordinal))
            {
                open?.Add(line);
            }
            else if (open is null)
            {
                (open, isWanted) = ([], line[3..] == language);
            }
            else
            {
                if (isWanted) yield return string.Join('\n', open);
                open = null;
            }
        }
    }
}

/// <summary>The project's text files, without what a build makes.</summary>
internal static partial class SourceTree
{
    private static readonly string[] Made =
        ["bin", "obj", ".git", ".vs", "artifacts", "data", "TestResults", "BenchmarkDotNet.Artifacts"];

    private static readonly string[] TextFiles =
    [
        ".cs", ".md", ".sh", ".sql", ".yml", ".yaml", ".json", ".props", ".csproj", ".slnx", ".txt", ".editorconfig",
        ".gitignore", ".gitattributes", ".service", ".conf", "", // the last: Makefile, .ci/run
    ];

    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<SourceFile> Files { get; } = [.. Walk(new DirectoryInfo(Root))];

    /// <summary>Functions with the number of their lines, from the signature to the closing brace.</summary>
    public static IEnumerable<(int Line, string Signature, int Length)> FunctionsOf(IReadOnlyList<string> lines)
    {
        var memberIndents = new HashSet<int>();
        for (var i = 0; i < lines.Count; i++)
        {
            var indent = IndentOf(lines[i]);
            if (TypeStart().IsMatch(lines[i]))
            {
                memberIndents.RemoveWhere(m => m > indent);
                memberIndents.Add(indent + 4);
                continue;
            }

            if (!memberIndents.Contains(indent) || !MemberStart().IsMatch(lines[i])) continue;
            var end = EndOfMember(lines, i, indent);
            var signature = SignatureEnd().Split(string.Join(' ', lines.Skip(i).Take(end - i + 1)), 2)[0];
            if (signature.Contains('(')) yield return (i + 1, lines[i].Trim(), end - i + 1);
            i = end;
        }
    }

    /// <summary>A member goes on over lines that are indented deeper, and over those that only open or close.</summary>
    private static int EndOfMember(IReadOnlyList<string> lines, int start, int indent)
    {
        var end = start;
        for (var i = start + 1; i < lines.Count; i++)
        {
            if (lines[i].Length == 0) continue;
            var depth = IndentOf(lines[i]);
            if (depth < indent || (depth == indent && lines[i][depth] is not ('{' or '}' or ')'))) break;
            end = i;
        }

        return end;
    }

    private static IEnumerable<SourceFile> Walk(DirectoryInfo folder)
    {
        foreach (var entry in folder.EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo { LinkTarget: null } inner && !Made.Contains(inner.Name))
            {
                foreach (var file in Walk(inner)) yield return file;
            }

            if (entry is FileInfo && entry.Name != ".git" && TextFiles.Contains(entry.Extension))
            {
                yield return new SourceFile(
                    Path.GetRelativePath(Root, entry.FullName), File.ReadAllLines(entry.FullName));
            }
        }
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Berth.slnx"))) folder = folder.Parent!;
        return folder.FullName;
    }

    private static int IndentOf(string line) => line.Length - line.AsSpan().TrimStart(' ').Length;

    [GeneratedRegex(@"^\s*((public|internal|private|protected|file|sealed|static|abstract|partial|readonly|ref)\s+)*"
        + @"(class|struct|record|interface|enum)\s+\w")]
    private static partial Regex TypeStart();

    [GeneratedRegex(@"^\s*[\w(]")]
    private static partial Regex MemberStart();

    [GeneratedRegex(@"[{;=]")]
    private static partial Regex SignatureEnd();
}
