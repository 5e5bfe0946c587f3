using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>An image that an index lists, or an attestation or another manifest.</summary>
/// <param name="Child">How the index lists it.</param>
/// <param name="Platform">Such as <c>linux/arm64</c>; empty if it is for none, or that is not known.</param>
/// <param name="Index">The index within the index that lists it; null: the index itself does.</param>
/// <param name="Annotations">What the index says of it.</param>
/// <param name="Known">What is known of it; null if it is not in the repository.</param>
internal sealed record IndexImage(
    Descriptor Child, string Platform, Digest? Index, IReadOnlyDictionary<string, string> Annotations,
    ChildRow? Known) : IImageOfIndex
{
    private static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>();

    public bool IsMissing => Known is null;

    Digest IImageOfIndex.Digest => Child.Digest;

    string? IImageOfIndex.OsVersion => Child.Platform?.OsVersion;

    /// <summary>Attestations of what builds images are for none.</summary>
    public bool IsForNone => Child.Platform is { Os: Oci.Platform.UnknownOs };

    public static IndexImage Of(
        Descriptor child, Digest? index, ImageOutline listed, ChildRow? known)
    {
        var platform = child.Platform is { } one ? Platforms.NameOf(one) : "";
        return new IndexImage(
            child, platform.Length > 0 ? platform : known?.Platforms ?? "", index,
            listed.ChildAnnotations.GetValueOrDefault(child.Digest.Text, Nothing), known);
    }
}

/// <summary>Finds the images of an index, also those of indexes that it lists.</summary>
internal sealed class IndexImages(Database database, ManifestTable manifests, LimitSettings limits)
{
    /// <summary>How many indexes within an index are looked for, and how deep within each other.</summary>
    private const int MaxIndexes = 32;
    private const int MaxDepth = 3;

    /// <returns>In their order; blobs, which build caches list, are left out.</returns>
    public async ValueTask<IReadOnlyList<IndexImage>> FindAsync(
        RepositoryName repository, ImageOutline index, CancellationToken cancellation)
    {
        var found = await ListAsync(repository, index, cancellation);
        if (found.Count == 0) return [];
        var known = await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, repository) is { } id
                ? await ImageTable.FindChildrenAsync(
                    session, id, found.Select(one => one.Child.Target.Digest.Text).Distinct()) : [],
            cancellation);
        return [.. found
            .Where(one => one.Child.NamesManifest || known.ContainsKey(one.Child.Target.Digest.Text))
            .Select(one => IndexImage.Of(
                one.Child.Target, one.Index, one.Listed, known.GetValueOrDefault(one.Child.Target.Digest.Text)))];
    }

    private async ValueTask<List<(ManifestReference Child, Digest? Index, ImageOutline Listed)>> ListAsync(
        RepositoryName repository, ImageOutline index, CancellationToken cancellation)
    {
        var found = new List<(ManifestReference Child, Digest? Index, ImageOutline Listed)>();
        var (read, sought) = (new HashSet<Digest>(), new HashSet<Digest>());
        var waiting = new Queue<(ImageOutline Outline, Digest? Digest, int Depth)>([(index, null, 0)]);
        while (waiting.TryDequeue(out var at))
        {
            foreach (var child in at.Outline.Manifest?.References.Where(one => one.Kind == ReferenceKind.Child) ?? [])
            {
                var digest = child.Target.Digest;
                if (read.Contains(digest)) continue;
                if (at.Depth < MaxDepth && sought.Count < MaxIndexes && IsIndex(child.Target)
                    && sought.Add(digest) && await ReadAsync(repository, digest, cancellation) is { } inner)
                {
                    read.Add(digest);
                    waiting.Enqueue((inner, digest, at.Depth + 1));
                }
                else if (found.Count < limits.ReferencesPerManifest)
                {
                    found.Add((child, at.Digest, at.Outline));
                }
            }
        }

        return found;
    }

    private static bool IsIndex(Descriptor child) => MediaTypes.IsIndex(MediaTypes.Canonical(child.MediaType));

    private async ValueTask<ImageOutline?> ReadAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await manifests.FindAsync(repository, new Reference(digest), cancellation) is not { } stored) return null;
        return (stored.Body ?? await manifests.LoadBodyAsync(digest)) is { } body
            ? ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest) : null;
    }
}

/// <summary>What tells the images of an index apart.</summary>
internal interface IImageOfIndex
{
    Digest Digest { get; }

    /// <summary>Such as <c>linux/arm64</c>; empty if it is for none, or that is not known.</summary>
    string Platform { get; }

    string? OsVersion { get; }

    bool IsMissing { get; }

    /// <summary>Whether it is said to be for none, as attestations are.</summary>
    bool IsForNone { get; }
}

/// <summary>Which of an index's images somebody asks for.</summary>
/// <param name="Image">By its digest; null: by its platform.</param>
/// <param name="Platform">Such as <c>linux/arm/v7</c>; of <c>linux/arm</c>, any variant.</param>
/// <param name="OsVersion">The version of its operating system; empty: any.</param>
internal sealed record AskedPlatform(Digest? Image, string Platform, string OsVersion)
{
    /// <summary>What most people run.</summary>
    private static readonly AskedPlatform Usual = new(null, "linux/amd64", "");

    /// <summary>
    /// Reads <c>os/architecture</c>, <c>os/architecture/variant</c>, or either with the version of the operating
    /// system, as containerd and Docker write it: <c>windows(10.0.20348.2966)/amd64</c>. Or a digest.
    /// </summary>
    public static AskedPlatform? Parse(string text)
    {
        if (Digest.TryParse(text, out var digest)) return new AskedPlatform(digest, "", "");
        if (text.Split('/') is not [{ Length: > 0 } os, { Length: > 0 } architecture, ..] parts || parts.Length > 3)
            return null;
        var version = "";
        if (os.EndsWith(')') && os.IndexOf('(') is var open && open > 0)
            (os, version) = (os[..open], os[(open + 1)..^1]);
        var variant = parts.Length == 3 ? parts[2] : "";
        return new AskedPlatform(null, Platforms.NameOf(os, architecture, variant), version);
    }

    /// <summary>The image that is asked for; null if there is none.</summary>
    /// <param name="images">Those of the index.</param>
    /// <param name="asked">Null: linux/amd64, or the first that is here.</param>
    public static T? Choose<T>(IReadOnlyList<T> images, AskedPlatform? asked)
        where T : class, IImageOfIndex
    {
        var candidates = images.Where(one => !one.IsForNone).ToList();
        return asked is not null ? asked.FindIn(candidates)
            : Usual.FindIn(candidates.FindAll(one => !one.IsMissing)) ?? candidates.Find(one => !one.IsMissing);
    }

    private T? FindIn<T>(List<T> images)
        where T : class, IImageOfIndex
    {
        if (Image is { } digest) return images.Find(one => one.Digest == digest);
        var fitting = images.FindAll(one => OsVersion.Length == 0 || one.OsVersion == OsVersion);
        return fitting.Find(one => one.Platform == Platform)
            ?? fitting.Find(one => one.Platform.StartsWith(Platform + "/", StringComparison.Ordinal));
    }
}
