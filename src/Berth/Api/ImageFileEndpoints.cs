using Berth.Access;
using Berth.Contents;
using Berth.Distribution;
using Berth.Oci;
using Berth.Packages;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary><c>/images</c>: what is inside the images of the repository in the query.</summary>
/// <param name="images">Finds images.</param>
/// <param name="trees">Their files.</param>
/// <param name="packages">Their packages.</param>
/// <param name="settings">How large a file may be.</param>
/// <param name="gate">Who may see another repository.</param>
/// <param name="reading">Reads layers; null in a command on the database.</param>
internal sealed class ImageFileEndpoints(
    AskedImages images, MergedTrees trees, ImagePackages packages, ContentsSettings settings, ApiGate gate,
    FileReading? reading)
{
    /// <summary>The longest name that Linux has.</summary>
    private const int MaxSearch = 255;

    private const int MaxPackages = 1000;

    public Task<ApiAnswer<ImageFilesView>> ListAsync(
        HttpContext http, string reference, string repository, string? platform = null, string? layer = null,
        string? path = null) => LookAsync<ImageFilesView>(http, repository, reference, platform, layer, look =>
    {
        if (look.Tree.Find(path ?? "") is not { } node) return NoFile(path!, look);
        var page = http.Page();
        var read = FileTree.ChildrenAfter(node, page.Last).Take(page.Count + 1).Select(look.View).ToList();
        return look.Answer(look.View(node), http.Answer(page, read, one => one.Name).Items);
    });

    public Task<ApiAnswer<ImageFilesView>> SearchAsync(
        HttpContext http, string reference, string repository, string q, string? platform = null,
        string? layer = null)
    {
        if (q.Length is 0 or > MaxSearch)
        {
            return Task.FromResult<ApiAnswer<ImageFilesView>>(
                ApiError.Invalid($"q must have from 1 to {MaxSearch} characters: a part of the file's name"));
        }

        return LookAsync<ImageFilesView>(http, repository, reference, platform, layer, look =>
        {
            var page = http.Page();
            var found = look.Tree.After(page.Last)
                .Where(node => node.Name.Contains(q, StringComparison.OrdinalIgnoreCase))
                .Take(page.Count + 1).Select(look.View).ToList();
            return look.Answer(file: null, http.Answer(page, found, one => one.Path).Items);
        });
    }

    public Task<ApiAnswer<ImageWasteView>> WasteAsync(
        HttpContext http, string reference, string repository, string? platform = null) =>
        LookAsync<ImageWasteView>(http, repository, reference, platform, layer: null, look =>
        {
            var (tree, layers) = (look.Tree, look.Layers);
            var efficiency = tree.LayerBytes == 0 ? 1 : 1 - ((double)tree.WastedBytes / tree.LayerBytes);
            return new ImageWasteView(
                look.Image.Digest.Text, look.Image.Platform, look.Image.IsComplete, look.LayerViews,
                tree.LayerBytes, tree.WastedBytes, tree.WastedFiles, Math.Round(efficiency, 4),
                [.. tree.Worst.Select(one => new WastedFileView(
                    "/" + one.Path, one.Bytes, layers[one.Layer].Digest.Text, layers[one.GoneIn].Digest.Text,
                    one.IsReplaced))]);
        });

    /// <summary>The bytes of a file, as something to save and never to show.</summary>
    public async Task<ApiFile> ReadAsync(
        HttpContext http, string reference, string repository, string path, string? platform = null,
        string? layer = null)
    {
        var (look, error) = await OpenAsync(http, repository, reference, platform, layer);
        if (look is null) return error!;
        if (look.Tree.Find(path) is not { } node) return NoFile(path, look);
        if (node.Kind == EntryKind.SymbolicLink)
            return ApiError.Conflict($"{path} is a symbolic link to {PlainText.Of(node.Link!)}: ask for that");
        if (node.Content is not { } file)
        {
            return node.Kind == EntryKind.HardLink
                ? ApiError.Conflict($"{path} is a link to {PlainText.Of(node.Link!)}, which is not there")
                : ApiError.Conflict($"{path} is no file, but a {ImageFileWords.Of(node.Kind)}");
        }

        if (file.OwnBytes > settings.FileBytes)
        {
            return ApiError.Conflict(
                $"{path} has {file.OwnBytes} bytes, more than {settings.FileBytes} (contents.filebytes)");
        }

        if (reading is null) return ApiError.Conflict("only a server reads files out of layers: name it with --server");
        return Copy(reading, node.Name, file.OwnBytes, look.Layers[file.Layer].Digest, file.Number);
    }

    /// <summary>A download may take a minute: it holds what it needs, and not the tree in which the file is.</summary>
    private static ApiFile Copy(FileReading reading, string name, long bytes, Digest layer, int number) =>
        new(name, bytes, reading, (output, stop) => reading.CopyAsync(layer, number, output, stop));

    /// <summary>How an image differs from another one, in this repository or one that the caller may pull from.
    /// </summary>
    public async Task<ApiAnswer<ImageDifferencesView>> CompareAsync(
        HttpContext http, string reference, string repository, [FromQuery(Name = "with")] string other,
        string? withRepository = null, string? platform = null)
    {
        withRepository ??= repository;
        if (withRepository != repository)
        {
            if (!RepositoryName.TryParse(withRepository, out var name)) return ApiError.NotFound("such repository");
            if (await gate.AskAsync(http, http.Caller(), AccessAction.Pull, name) is { } refusal) return refusal;
        }

        var (first, error) = await FindAsync(http, repository, reference, platform, layer: null);
        if (first is null) return error!;
        (var second, error) = await FindAsync(http, withRepository, other, platform, layer: null);
        if (second is null) return error!;
        (var opened, error) = await OpenAsync(http, [first, second]);
        if (opened is not [var from, var to]) return error!;
        var config = await CompareConfigsAsync(from.Image, to.Image, http.RequestAborted);
        var page = http.Page();
        var installed = new ComparedPackages(null, null, null);
        if (page.Last.Length == 0)
        {
            using var place = reading is null ? null : await reading.TakePlaceAsync(http.RequestAborted);
            if (reading is not null && place is null) return ApiFile.Busy();
            installed = await Task.Run(() => ComparePackagesAsync(from, to, http.RequestAborted), http.RequestAborted);
        }

        var comparison = new FileComparison(page.Last, page.Count + 1, http.RequestAborted);
        await Task.Run(() => comparison.Run(from.Tree, to.Tree), http.RequestAborted);
        return new ImageDifferencesView(
            from.Compared(repository), to.Compared(withRepository),
            [.. from.Image.Layers.Select(one => one.Digest.Text).Intersect(
                to.Image.Layers.Select(one => one.Digest.Text), StringComparer.Ordinal)],
            config, installed.Packages, comparison.Added, comparison.Removed, comparison.Changed,
            http.Answer(page, comparison.Found.ConvertAll(FileDifferenceView.Of), one => one.Path).Items)
        {
            MorePackages = installed.More,
            PackageFaults = installed.Faults,
        };
    }

    private async Task<ComparedPackages> ComparePackagesAsync(Look from, Look to, CancellationToken cancellation)
    {
        var ours = await packages.FindAsync(from.Digests, cancellation);
        var theirs = await packages.FindAsync(to.Digests, cancellation);
        var found = PackageComparison.Run(
            ours.Packages.Select(one => one.Package), theirs.Packages.Select(one => one.Package));
        List<string> faults = [.. ours.Faults.Concat(theirs.Faults).Distinct()];
        if (ours.Outdated.Count + theirs.Outdated.Count > 0) faults.Add("layers are being read again: ask later");
        return new ComparedPackages(
            [.. found.Take(MaxPackages).Select(one =>
                new PackageDifferenceView(one.Type, one.Name, one.From, one.To))],
            found.Count > MaxPackages ? found.Count - MaxPackages : null, faults.Count > 0 ? faults : null);
    }

    private async Task<IReadOnlyList<ConfigDifferenceView>?> CompareConfigsAsync(
        FoundImage from, FoundImage to, CancellationToken cancellation)
    {
        if (from.Config is null || to.Config is null || reading is null) return null;
        if (from.Config.Digest == to.Config.Digest) return [];
        var ours = await reading.ReadSmallAsync(
            from.Config.Digest, FileReading.MaxConfigBytes, cancellation);
        var theirs = await reading.ReadSmallAsync(
            to.Config.Digest, FileReading.MaxConfigBytes, cancellation);
        if (ours is null || theirs is null) return null;
        return ConfigComparison.Run(ours, theirs)?
            .ConvertAll(one => new ConfigDifferenceView(one.Field, one.From, one.To));
    }

    private async Task<ApiAnswer<T>> LookAsync<T>(
        HttpContext http, string repository, string reference, string? platform, string? layer,
        Func<Look, ApiAnswer<T>> see)
        where T : class
    {
        var (look, error) = await OpenAsync(http, repository, reference, platform, layer);

        // Looking through all files takes a while, and the thread is that of others' requests, too.
        return look is null ? error! : await Task.Run(() => see(look), http.RequestAborted);
    }

    /// <summary>Finds an image, and its files so far as they are known.</summary>
    private async Task<(Look? Look, ApiError? Error)> OpenAsync(
        HttpContext http, string repository, string reference, string? platform, string? layer)
    {
        var (found, error) = await FindAsync(http, repository, reference, platform, layer);
        if (found is null) return (null, error);
        (var opened, error) = await OpenAsync(http, [found]);
        return (opened is [var look] ? look : null, error);
    }

    /// <summary>Finds an image, and which of its layers are known.</summary>
    private async Task<(Sought? Found, ApiError? Error)> FindAsync(
        HttpContext http, string repository, string reference, string? platform, string? layer)
    {
        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return (null, error);
        var layers = image.Layers;
        if (layer is not null)
        {
            layers = [.. layers.Where(one => one.Digest.Text == layer).Take(1)];
            if (layers.Count == 0) return (null, ApiError.NotFound("such layer in the image"));
        }

        return (new Sought(
            image, [.. layers.Where(one => one.State == LayerState.Indexed)], IsOne: layer is not null), null);
    }

    /// <summary>Puts their files together; none if that can't be done.</summary>
    private async Task<(IReadOnlyList<Look> Opened, ApiError? Error)> OpenAsync(
        HttpContext http, IReadOnlyList<Sought> sought)
    {
        try
        {
            var found = await trees.FindAllAsync(
                [.. sought.Select(one => new MergedLayers([.. one.Layers.Select(layer => layer.Digest)], one.IsOne))],
                http.RequestAborted);
            return ([.. sought.Zip(found, (one, tree) => new Look(one.Image, one.Layers, tree))], null);
        }
        catch (Exception e) when (e is TreeTooLargeException or TreeUnavailableException)
        {
            return ([], ApiError.Conflict($"the files of the image can't be shown: {e.Message}"));
        }
    }

    private static ApiError NoFile(string path, Look look) => ApiError.NotFound(
        $"{PlainText.Of(path)} in the image" + (look.Image.IsComplete ? "" : ", so far as its layers are known"));

    /// <summary>How the packages of two images differ.</summary>
    private sealed record ComparedPackages(
        IReadOnlyList<PackageDifferenceView>? Packages, int? More, IReadOnlyList<string>? Faults);

    /// <summary>An image whose files are to be put together.</summary>
    /// <param name="Image">The image.</param>
    /// <param name="Layers">The layers whose files are known.</param>
    /// <param name="IsOne">Whether one layer is looked at by itself.</param>
    private sealed record Sought(FoundImage Image, IReadOnlyList<ImageLayer> Layers, bool IsOne);

    /// <summary>An image that somebody looks into.</summary>
    /// <param name="Image">The image.</param>
    /// <param name="Layers">Those of its layers that were put together.</param>
    /// <param name="Tree">The files in those.</param>
    private sealed record Look(FoundImage Image, IReadOnlyList<ImageLayer> Layers, FileTree Tree)
    {
        public IReadOnlyList<Digest> Digests => [.. Layers.Select(layer => layer.Digest)];

        public IReadOnlyList<ImageLayerView> LayerViews => [.. Image.Layers.Select(ImageLayerView.Of)];

        public ImageFileView View(FileNode node) => ImageFileView.Of(node, Layers);

        public ImageFilesView Answer(ImageFileView? file, IReadOnlyList<ImageFileView> items) => new(
            Image.Digest.Text, Image.Platform, Image.IsComplete, LayerViews, file, items);

        public ComparedImageView Compared(string repository) => new(
            repository, Image.Digest.Text, Image.Platform, Image.IsComplete, Tree.Root.TotalBytes,
            LayerViews);
    }
}
