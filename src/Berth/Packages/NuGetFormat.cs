using System.Text.Json;

namespace Berth.Packages;

/// <summary>
/// What a .NET program runs with: the libraries with files in its target (the file format of .deps.json). Others are
/// only needed to build it.
/// </summary>
internal sealed class NuGetFormat : JsonFormat
{
    private const string RuntimePack = "runtimepack.";

    protected override void Read(JsonElement root, string path, PackageFindings found)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("libraries", out var libraries) || libraries.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var target = TargetOf(root);
        foreach (var library in libraries.EnumerateObject())
        {
            if (TextOf(library.Value, "type") is not (("package" or "runtimepack") and var type)) continue;
            if (!IsDeployed(target, library.Name) || library.Name.Split('/') is not [var name, var version]) continue;
            if (type == "runtimepack" && name.StartsWith(RuntimePack, StringComparison.Ordinal))
                name = name[RuntimePack.Length..];
            if (PackageFields.Make("nuget", name, version) is { } package) found.Add(package);
        }
    }

    protected override bool Reads(string path) => path.EndsWith(".deps.json", StringComparison.Ordinal);

    private static JsonElement? TargetOf(JsonElement root) =>
        root.TryGetProperty("runtimeTarget", out var of) && TextOf(of, "name") is { } name
        && root.TryGetProperty("targets", out var targets) && targets.ValueKind == JsonValueKind.Object
        && targets.TryGetProperty(name, out var target) && target.ValueKind == JsonValueKind.Object ? target : null;

    /// <summary>Whether the program has files of a library. Unknown targets are taken whole.</summary>
    private static bool IsDeployed(JsonElement? target, string library) => target is not { } of
        || (of.TryGetProperty(library, out var one) && one.ValueKind == JsonValueKind.Object
            && (HasFiles(one, "runtime") || HasFiles(one, "native") || HasFiles(one, "runtimeTargets")
                || HasFiles(one, "resources")));

    private static bool HasFiles(JsonElement library, string kind) =>
        library.TryGetProperty(kind, out var files) && files.ValueKind == JsonValueKind.Object
        && files.EnumerateObject().Any();
}
