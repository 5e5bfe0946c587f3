using Berth.Metadata;

namespace Berth.Journal;

/// <summary>Reads the journal beside the blobs, and says what of it a rebuild could not read.</summary>
/// <param name="folder">The journal.</param>
/// <param name="report">Called with what is wrong with it, for people.</param>
internal sealed class JournalCheck(JournalFolder folder, Action<string> report)
{
    /// <summary>How many files are whole.</summary>
    public int FilesRead { get; private set; }

    /// <summary>Reads the files that a rebuild would read. A server may write and remove some meanwhile.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var segments = JournalFolder.Current(await folder.ListAsync(cancellation));

        // Without any complete snapshot, a server is about to write the first one.
        if (JournalFolder.MissingOf(segments) is > 0 and var missing)
            report(JournalFolder.MissingText(missing));
        foreach (var segment in segments)
        {
            if (await FindFaultAsync(segment, cancellation) is not { } fault) FilesRead++;
            else if (await IsThereAsync(segment, cancellation)) report(fault);
        }
    }

    private async Task<string?> FindFaultAsync(Segment segment, CancellationToken cancellation)
    {
        try
        {
            string? fault = null;
            await foreach (var line in folder.ReadAsync(segment, cancellation))
            {
                if (line.Manifest is { IsWhole: false } altered)
                {
                    fault ??= $"{segment.Key} is damaged: {altered.Repository}@{altered.Digest} in it is not what its "
                        + "digest says";
                }
            }

            return fault;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{segment.Key} can't be read: {e.Message}";
        }
    }

    /// <summary>Whether it has not been replaced by a newer snapshot.</summary>
    private async Task<bool> IsThereAsync(Segment segment, CancellationToken cancellation) =>
        (await folder.ListAsync(cancellation)).Exists(one => one.Key == segment.Key);
}
