using Berth.Contents;
using Berth.Disk;
using Berth.Packages;
using Berth.Settings;

namespace Berth.Tests.Contents;

/// <summary>Which lists of packages are visible when layers are on top of each other.</summary>
[Once]
public sealed class VisiblePackageFileTests
{
    private const int Rounds = 300;

    private static readonly string[] Names = ["a", "node_modules", "b", "package.json"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The same as in the tree of all files, whatever the layers do to each other.</summary>
    [Fact]
    public async Task They_are_those_that_the_files_of_the_image_are()
    {
        var seen = 0;
        for (var seed = 0; seed < Rounds; seed++)
        {
            var random = new Random(seed);
            var (visible, tree) = (new VisiblePackageFiles(), new FileTreeBuilder(1 << 20));
            var lists = new List<PackageList>();
            for (var layer = 0; layer < 4; layer++)
            {
                var (files, packages) = await ReadAsync(MakeLayer(random));
                lists.Add(packages);
                visible.Add(files, packages.Files, Stop);
                tree.Add(() => LayerIndexReader.Read(files));
            }

            var whole = tree.Finish();
            var expected = lists.SelectMany((list, layer) => list.Files
                    .Where(file => IsVisible(whole, file, layer)).Select(file => $"{layer} {file.Path}"))
                .Order(StringComparer.Ordinal).ToList();
            var found = visible.All().Select(one => $"{one.Layer} {one.File.Path}")
                .Order(StringComparer.Ordinal).ToList();
            Assert.True(
                expected.SequenceEqual(found),
                $"seed {seed}: {string.Join(", ", expected)} but {string.Join(", ", found)}");
            seen += found.Count;
        }

        Assert.InRange(seen, Rounds, int.MaxValue);
    }

    /// <summary>Whether the content of a file has any name in the image.</summary>
    private static bool IsVisible(FileTree tree, PackageFile file, int layer) => tree.After("").Any(node =>
        node.Content is { } content && content.Layer == layer && content.Hash != default
        && content.Mode == ModeOf(file));

    /// <summary>Each file of a layer has a mode of its own, which tells it apart.</summary>
    private static int ModeOf(PackageFile file) => int.Parse(file.Packages[0].Version, null);

    private static byte[] MakeLayer(Random random)
    {
        var tar = new RawTar();
        var written = new List<string>();
        for (var entry = 0; entry < 8; entry++)
        {
            var path = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Names[random.Next(4)]));
            var (folder, name) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
            switch (random.Next(8))
            {
                case < 4:
                    path = $"{(random.Next(2) == 0 ? "a/" : "")}node_modules/{Names[random.Next(4)]}/package.json";
                    if (written.Contains(path)) break;
                    tar = tar.File(path, $$"""{"name":"x","version":"{{entry + 1}}"}""", mode: entry + 1);
                    written.Add(path);
                    break;
                case 4:
                    tar = tar.Folder(path);
                    break;
                case 5:
                    tar = tar.File(Path.Combine(folder, ".wh." + name), "");
                    break;
                case 6:
                    tar = tar.File(path + "/.wh..wh..opq", "");
                    break;
                default:
                    if (written.Count > 0) tar = tar.File("link", "", '1', written[random.Next(written.Count)]);
                    break;
            }
        }

        return tar.End();
    }

    private static async Task<(byte[] Files, PackageList Packages)> ReadAsync(byte[] layer)
    {
        using var index = new LayerIndexWriter(new ContentsSettings());
        using var packages = new LayerPackages(new Spools(Path.GetTempPath()), Stop);
        Assert.Null(await new LayerWalk(new ContentsSettings(), TimeProvider.System).RunAsync(
            new MemoryBlob(layer), [index, packages], Stop));
        return (index.Finish(),
            packages.Finish() is { } list ? PackageList.Read(list) : new PackageList([], Fault: null));
    }
}
