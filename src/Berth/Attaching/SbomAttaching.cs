using System.IO.Pipelines;
using Berth.Contents;
using Berth.Disk;
using Berth.Import;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Policies;
using Berth.Registry;
using Berth.Sbom;
using Berth.Settings;

namespace Berth.Attaching;

/// <summary>
/// Attaches bills of materials to images that came without one, as a push would: the same checks, the same quotas. Each
/// image is looked at once; whoever deletes what was attached does not get it again.
/// </summary>
internal sealed partial class SbomAttaching(
    Database database, ImageFiles images, ImagePackages packages, AttachedDocuments documents, BlobIntake blobs,
    ManifestWriter writer, Spools spools, RegistrySettings settings, TimeProvider clock, ILogger<SbomAttaching> log)
{
    private const int RowsPerRead = 100;

    /// <summary>So many manifests are looked through at once: all of a large registry take too long.</summary>
    private const int ManifestsPerRead = 10_000;

    private const int ForgottenAtOnce = 1000;

    /// <summary>After so many failures in a row it is not the images: the store is away, or there is no room.</summary>
    private const int MaxFailures = 5;

    /// <summary>Who attaches, in lists of what was pushed.</summary>
    private const string Self = "sbom";

    /// <summary>Builders push what they attach after the image.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromHours(1);

    /// <summary>When an image is looked at again whose layers are being read.</summary>
    private static readonly TimeSpan WhileReading = TimeSpan.FromMinutes(15);

    /// <summary>When an image is looked at again which it could not be attached to.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromDays(1);

    private readonly SbomFormat format = SbomFormat.Find(settings.Sbom.Attach)!;

    private readonly IReadOnlyList<NamePattern> patterns =
    [
        .. settings.Sbom.Repositories.Select(text => NamePattern.TryParse(text, out var one) ? one : null)
            .OfType<NamePattern>(),
    ];

    private long? swept;

    /// <summary>In a row, in this run.</summary>
    private int failures;

    /// <summary>Attaches what is missing.</summary>
    /// <exception cref="InvalidOperationException">It failed for too many images in a row.</exception>
    public async Task RunAsync(Pace pace, CancellationToken cancellation)
    {
        failures = 0;
        if (swept is null || clock.GetElapsedTime(swept.Value) > BetweenSweeps)
        {
            swept = clock.GetTimestamp();
            await ForgetAsync(cancellation);
        }

        for (var first = (0L, ""); ;)
        {
            var from = first;
            var end = await database.ReadAsync(
                session => SbomAttachmentTable.EndOfAsync(session, from, ManifestsPerRead), cancellation);
            await AttachAsync(from, end, pace, cancellation);
            if (end is null) return;
            first = end.Value;
            await pace.RestAsync(cancellation);
        }
    }

    /// <summary>Attaches what is missing to some images.</summary>
    private async Task AttachAsync(
        (long, string) first, (long, string)? end, Pace pace, CancellationToken cancellation)
    {
        for (var last = first; ;)
        {
            var (from, now) = (last, clock.GetUtcNow());
            var due = await database.ReadAsync(
                session => SbomAttachmentTable.DueAsync(session, from, end, now - Grace, now, RowsPerRead),
                cancellation);
            foreach (var image in due)
            {
                // Others are left alone, and looked at should the settings change.
                if (patterns.Count > 0 && !patterns.Any(one => one.Matches(image.Repository))) continue;
                await AttachAsync(image, cancellation);
                await pace.RestAsync(cancellation);
            }

            if (due.Count < RowsPerRead) return;
            last = (due[^1].RepositoryId, due[^1].Image.Digest.Text);

            // Also if none of them was for us: reading is work, too.
            await pace.RestAsync(cancellation);
        }
    }

    private async Task ForgetAsync(CancellationToken cancellation)
    {
        var gone = await database.ReadAsync(
            session => SbomAttachmentTable.GoneAsync(session, ForgottenAtOnce), cancellation);
        if (gone.Count == 0) return;
        await database.WriteAsync(
            async session =>
            {
                await SbomAttachmentTable.ForgetAsync(session, gone);
                return true;
            },
            isDurable: false, cancellation);
    }

    private async Task AttachAsync(UnlistedImageRow image, CancellationToken cancellation)
    {
        Digest? artifact = null;
        DateTimeOffset? until = null;
        Exception? failure = null;
        try
        {
            (artifact, until) = await TryAsync(image, cancellation);
        }
        catch (TreeUnavailableException)
        {
            until = clock.GetUtcNow() + WhileReading;
        }
        catch (QuotaExceededException e)
        {
            LogRefused(image.Image.Digest, image.Repository, e.Message);
            until = clock.GetUtcNow() + AfterFailure;
        }
        catch (Exception e) when (e is not DatabaseUnavailableException && !cancellation.IsCancellationRequested)
        {
            // No image may keep the others from getting theirs, not even one whose bytes can't be written.
            LogFailure(image.Image.Digest, image.Repository, e);
            until = clock.GetUtcNow() + AfterFailure;
            failure = e;
        }

        await database.WriteAsync(
            session => SbomAttachmentTable.NoteAsync(session, image, artifact, until), isDurable: false, cancellation);
        failures = failure is null ? 0 : failures + 1;
        if (failures >= MaxFailures)
            throw new InvalidOperationException($"it failed for {failures} images in a row", failure);
    }

    private async Task<(Digest? Artifact, DateTimeOffset? Until)> TryAsync(
        UnlistedImageRow row, CancellationToken cancellation)
    {
        var (repository, digest) = (RepositoryName.Parse(row.Repository), row.Image.Digest);
        if ((await documents.OfAsync(row.RepositoryId, digest, cancellation)).Contains(ArtifactKind.Sbom))
            return (null, null);
        if (await images.FindAsync(repository, new Reference(digest), asked: null, cancellation) is not { } image)
            return (null, null);
        var installed = await packages.FindAsync(image.Known, cancellation);
        if (installed.Outdated.Count > 0 || image.Layers.Any(layer => layer.State == LayerState.Waiting))
            return (null, clock.GetUtcNow() + WhileReading);
        installed = installed with { Faults = [.. installed.Faults, .. image.Faults] };
        using var bill = spools.New();
        var described = await WriteAsync(bill, row, repository, installed, cancellation);
        var empty = Digest.Of(DigestAlgorithm.Sha256, SbomArtifact.Empty);
        await TakeAsync(
            repository, empty, SbomArtifact.Empty.Length, new MemoryStream(SbomArtifact.Empty.ToArray()),
            cancellation);
        await TakeAsync(repository, described.Digest, described.SizeBytes, bill.Content, cancellation);
        var body = SbomArtifact.Write(row.Image, described, format.FileNameOf(repository, digest), CreatedAt(row));
        var artifact = Digest.Of(DigestAlgorithm.Sha256, body);
        var result = await writer.WriteAsync(
            new ManifestPush(repository, artifact, body, MediaTypes.OciManifest, [], null, new Actor(Self)),
            cancellation);
        if (result.Refusal == ManifestRefusal.None) return (artifact, null);
        LogRefused(digest, row.Repository, $"{result.Refusal} {result.Reason}");
        return (null, clock.GetUtcNow() + AfterFailure);
    }

    /// <summary>Writes it where there is room; returns what it is.</summary>
    private async Task<Descriptor> WriteAsync(
        Spool bill, UnlistedImageRow row, RepositoryName repository, InstalledPackages installed,
        CancellationToken cancellation)
    {
        _ = Uri.TryCreate(settings.Http.Host, UriKind.Absolute, out var address);
        var subject = new SbomSubject(repository, row.Image.Digest, Tag: null, address?.Authority, CreatedAt(row))
        {
            Scheme = address?.Scheme ?? Uri.UriSchemeHttps,
        };
        await using (var output = bill.Open()) await format.WriteAsync(subject, installed, output, cancellation);
        bill.Content.Position = 0;
        using var hash = Digest.StartHash(DigestAlgorithm.Sha256);
        var buffer = new byte[64 << 10];
        for (int read; (read = await bill.Content.ReadAsync(buffer, cancellation)) > 0;)
            hash.AppendData(buffer, 0, read);
        bill.Content.Position = 0;
        return new Descriptor(
            format.MediaType, Digest.FromHash(DigestAlgorithm.Sha256, hash.GetHashAndReset()), bill.Length, []);
    }

    private async Task TakeAsync(
        RepositoryName repository, Digest digest, long bytes, Stream content, CancellationToken cancellation)
    {
        var source = new BlobSource(
            digest, bytes, File: null, (writer, stop) => content.CopyToAsync(writer, stop));
        var result = await blobs.TakeAsync(repository, source, Self, _ => { }, cancellation);
        if (result is BlobIntakeResult.Altered or BlobIntakeResult.TooLarge)
            throw new InvalidOperationException($"the bill of materials was refused as {result}");
    }

    /// <summary>The same each time.</summary>
    private static DateTimeOffset CreatedAt(UnlistedImageRow row) => row.BuiltAt ?? DateTimeOffset.UnixEpoch;

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "No bill of materials is attached to {Digest} in {Repository}: {Reason}")]
    private partial void LogRefused(Digest digest, string repository, string reason);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "The bill of materials of {Digest} in {Repository} could not be attached")]
    private partial void LogFailure(Digest digest, string repository, Exception exception);
}
