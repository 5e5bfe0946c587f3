namespace Berth.Packages;

/// <summary>
/// A kind of file that says which packages are installed: a list of a package manager, what describes one package, or a
/// program that names what it was built from. Its content comes from whoever made the image: whatever it is, reading it
/// takes little memory, and no more time than its length explains.
/// </summary>
internal abstract class PackageFormat
{
    private static readonly PackageFormat[] All =
    [
        new DpkgFormat(), new DpkgFilesFormat(), new CopyrightFormat(), new ApkFormat(), new ApkRepositoriesFormat(),
        new OsReleaseFormat(), new ChiselFormat(), new RpmManifestFormat(),
        new NpmFormat(), new PythonFormat(), new GemFormat(), new ComposerFormat(), new NuGetFormat(),
        new RpmFormat(), new RpmLogFormat(), new JarFormat(), new EggFormat(),
    ];

    private static readonly ProgramFormat Program = new();

    /// <summary>The most bytes of such a file.</summary>
    public virtual int MaxBytes => 8 << 20;

    /// <summary>Whether the package manager of a distribution may have brought such a file.</summary>
    public virtual bool IsOfLanguage => false;

    /// <summary>The format of a file by its path, without a slash at its beginning; null if it says nothing of
    /// packages.</summary>
    public static PackageFormat? Find(string path) => Array.Find(All, one => one.Reads(path));

    /// <summary>The format of a file by its first bytes, of which there are <see cref="MagicBytes"/>.</summary>
    public static PackageFormat? FindByContent(ReadOnlySpan<byte> beginning) =>
        ProgramFormat.IsProgram(beginning) ? Program : null;

    /// <summary>How many first bytes tell what a file is.</summary>
    public const int MagicBytes = 8;

    /// <summary>Adds what a file of this format says.</summary>
    /// <param name="content">The file, which can be read in any order.</param>
    /// <param name="path">Its path.</param>
    /// <param name="found">Takes it.</param>
    /// <exception cref="PackageFaultException">It is damaged, or says more than is taken. What was added before that
    /// counts.</exception>
    public abstract void Read(Stream content, string path, PackageFindings found);

    protected abstract bool Reads(string path);

    /// <summary>The last part of a path.</summary>
    protected static ReadOnlySpan<char> NameOf(ReadOnlySpan<char> path) => path[(path.LastIndexOf('/') + 1)..];
}

/// <summary>Why what a file says of packages is not all taken.</summary>
internal sealed class PackageFaultException(string fault) : Exception(fault);

/// <summary>Takes what files of a layer say of packages, up to a limit for all of them.</summary>
/// <param name="maxChars">The limit.</param>
/// <param name="spools">For what is packed in a file.</param>
/// <param name="cancellation">Gives up.</param>
internal sealed class PackageFindings(int maxChars, Disk.Spools spools, CancellationToken cancellation)
{
    private readonly List<Package> packages = [];
    private readonly List<string> owned = [];
    private int chars;

    public Disk.Spools Spools => spools;

    /// <summary>Which distribution the image is, if the file says so.</summary>
    public OsRelease? OsRelease { get; set; }

    /// <summary>The licences of the package that the file is about.</summary>
    public string? License { get; set; }

    /// <summary>Where Alpine's packages come from, a line for each place.</summary>
    public string? Repositories { get; set; }

    /// <exception cref="PackageFaultException">There is more than may be.</exception>
    public void Add(Package package)
    {
        Count(package.Chars);
        packages.Add(package);
    }

    /// <summary>Adds a file that a package of the distribution has.</summary>
    /// <exception cref="PackageFaultException">There is more than may be.</exception>
    public void AddOwned(ReadOnlySpan<char> path)
    {
        path = path.TrimStart('/');
        if (!OwnedFiles.Matters(path)) return;
        Count(path.Length);
        owned.Add(path.ToString());
    }

    /// <summary>Whether nothing more is taken.</summary>
    public bool IsFull => chars >= maxChars;

    /// <summary>Gives up if the layer is not to be read any more.</summary>
    public void ThrowIfCancelled() => cancellation.ThrowIfCancellationRequested();

    /// <summary>What was added since the last call; null if nothing was.</summary>
    public PackageFile? Take(string path, string? fault)
    {
        var saysNothing = packages.Count == 0 && owned.Count == 0
            && (OsRelease, License, Repositories, fault) is (null, null, null, null);
        var file = new PackageFile(path, [.. packages])
        {
            Fault = fault,
            Owned = owned.Count == 0 ? null : [.. owned],
            OsRelease = OsRelease,
            License = License,
            Repositories = Repositories,
        };
        if (!saysNothing) chars += file.Chars + PackageFile.CostChars;
        packages.Clear();
        owned.Clear();
        (OsRelease, License, Repositories) = (null, null, null);
        return saysNothing ? null : file;
    }

    private void Count(int more)
    {
        cancellation.ThrowIfCancellationRequested();
        more += PackageFile.CostChars;
        if (chars + more > maxChars) throw new PackageFaultException("the layer lists too many packages");
        chars += more;
    }
}
