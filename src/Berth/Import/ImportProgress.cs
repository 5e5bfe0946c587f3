using System.Collections.Concurrent;
using Berth.Metadata;

namespace Berth.Import;

/// <summary>How far an import is, counted by all that work on it at once.</summary>
internal sealed class ImportProgress
{
    /// <summary>More than anybody reads; of the others, only the count is kept.</summary>
    private const int MaxNotes = 10_000;

    private readonly ConcurrentQueue<ImportNote> notes = new();
    private long repositories;
    private long manifests;
    private long tags;
    private long blobs;
    private long linked;
    private long bytes;
    private long foundManifests;
    private long foundTags;
    private long noted;
    private long endedTags;

    /// <summary>Manifests and blobs of the source that are not here when it begins. Over the network, only the source
    /// knows, which says so bit by bit.</summary>
    public (long Files, long Bytes) Total { get; set; }

    /// <summary>The tags whose images are copied over the network.</summary>
    public long WantedTags { get; set; }

    /// <summary>Those of them that are dealt with, well or not.</summary>
    public long EndedTags => Interlocked.Read(ref endedTags);

    /// <summary>Those that are not here in the end.</summary>
    public (long Files, long Bytes) Left { get; set; }

    public ImportReport Report => new(
        repositories, manifests, tags, blobs, linked, Math.Max(0, bytes), foundManifests, foundTags, Total.Files,
        Total.Bytes, Left.Files, Left.Bytes, noted);

    public void AddRepository() => Interlocked.Increment(ref repositories);

    public void AddManifest(long sizeBytes)
    {
        Interlocked.Increment(ref manifests);
        Interlocked.Add(ref bytes, sizeBytes);
    }

    public void AddTags(int count) => Interlocked.Add(ref tags, count);

    /// <summary>Counts a blob; its bytes were counted while they were read.</summary>
    public void AddBlob(bool isLinked)
    {
        Interlocked.Increment(ref blobs);
        if (isLinked) Interlocked.Increment(ref linked);
    }

    /// <summary>Counts bytes of a blob; less than none if it is not taken after all.</summary>
    public void AddBytes(long count) => Interlocked.Add(ref bytes, count);

    /// <summary>Counts what a repository of the source has.</summary>
    public void Find(int manifestCount, int tagCount)
    {
        Interlocked.Add(ref foundManifests, manifestCount);
        Interlocked.Add(ref foundTags, tagCount);
    }

    public void EndTag() => Interlocked.Increment(ref endedTags);

    /// <summary>Notes something that could not be taken, or was left as it is.</summary>
    public void Note(string kind, string subject, string detail)
    {
        if (Interlocked.Increment(ref noted) <= MaxNotes) notes.Enqueue(new ImportNote(kind, subject, detail));
    }

    /// <summary>The notes since the last call.</summary>
    public List<ImportNote> TakeNotes()
    {
        var taken = new List<ImportNote>();
        while (notes.TryDequeue(out var note)) taken.Add(note);
        return taken;
    }
}

/// <summary>The kinds of notes.</summary>
internal static class NoteKinds
{
    public const string InvalidName = "invalid name";
    public const string InvalidLink = "invalid link";
    public const string MissingManifest = "missing manifest";
    public const string AlteredManifest = "altered manifest";
    public const string RefusedManifest = "refused manifest";
    public const string MissingBlob = "missing blob";
    public const string AlteredBlob = "altered blob";
    public const string LargeBlob = "blob too large";
    public const string DanglingTag = "dangling tag";
    public const string KeptTag = "tag kept";
    public const string FailedImage = "image failed";
    public const string FailedRepository = "repository failed";
    public const string FailedReferrer = "referrer failed";
    public const string Upload = "unfinished upload";
    public const string Legacy = "files of old versions";
}
