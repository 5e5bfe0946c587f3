using Berth.Metadata;

namespace Berth.Api;

/// <summary>How far the pass is that reads all blobs again, and what was found.</summary>
internal sealed record ScrubView(
    DateTimeOffset? BeganAt, DateTimeOffset? EndedAt, DateTimeOffset? LastEndedAt, long ReadBlobs, long ReadBytes,
    long TotalBlobs, long TotalBytes, long Faults, long OpenFaults);

/// <summary>A blob that was found damaged or missing.</summary>
internal sealed record BlobFaultView(
    string Digest, DateTimeOffset FoundAt, string Fault, DateTimeOffset? HealedAt, string? HealedFrom);

/// <summary><c>/scrub</c>: blobs that are read again in the background.</summary>
internal sealed class ScrubEndpoints(Database database)
{
    public async Task<ApiAnswer<ScrubView>> GetAsync(HttpContext http)
    {
        var (pass, (found, open)) = await database.ReadAsync(
            async session => (await ScrubTable.FindAsync(session), await ScrubTable.CountAsync(session)),
            http.RequestAborted);
        return new ScrubView(
            pass?.BeganAt, pass?.EndedAt, pass?.LastEndedAt, pass?.Blobs ?? 0, pass?.Bytes ?? 0, pass?.TotalBlobs ?? 0,
            pass?.TotalBytes ?? 0, found, open);
    }

    public async Task<ApiAnswer<Listed<BlobFaultView>>> ListFaultsAsync(HttpContext http)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => ScrubTable.ListAsync(session, page.Last, page.Count + 1), http.RequestAborted);
        return http.Answer(
            page,
            rows.ConvertAll(row => new BlobFaultView(
                row.Digest.Text, row.FoundAt, row.Fault, row.HealedAt, row.HealedBy)),
            one => one.Digest);
    }
}
