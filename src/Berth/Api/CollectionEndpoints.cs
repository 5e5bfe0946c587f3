using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A collection of garbage that somebody asked for, and what it has removed so far.</summary>
internal sealed record CollectionView(
    long Id, string State, double GraceSeconds, DateTimeOffset RequestedAt, string RequestedBy,
    DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, GarbageReport Removed, string? Error,
    bool EmptiesTrash) : INoted
{
    ChangeNote INoted.Note => new(
        $"{Id}", $"grace {GraceSeconds} s{(EmptiesTrash ? ", with the trash" : "")}");

    public static CollectionView Of(CollectionRow row) => new(
        row.Id, row.State, row.Grace.TotalSeconds, row.RequestedAt, row.RequestedBy, row.StartedAt, row.EndedAt,
        row.Removed, row.Error, row.EmptiesTrash);
}

/// <summary>A collection that is wanted.</summary>
internal sealed record NewCollection(double? GraceSeconds = null, bool? EmptyTrash = null);

/// <summary><c>/garbage-collections</c>: collections now, besides those that run by themselves.</summary>
internal sealed class CollectionEndpoints(
    Database database, JobTable jobs, GarbageEstimate estimate, StorageSettings storage, TimeProvider clock)
{
    private static readonly TimeSpan MaxGrace = TimeSpan.FromDays(365);

    public async Task<ApiAnswer<Listed<CollectionView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => CollectionTable.ListAsync(session, before, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(CollectionView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<CollectionView>> AddAsync(HttpContext http, [FromBody] NewCollection sent)
    {
        if (storage.Maintenance.ReadOnly.Enabled)
            return ApiError.Conflict("nothing is removed while storage.maintenance.readonly is on");
        if (GraceOf(sent.GraceSeconds) is not { } grace) return InvalidGrace();
        var row = await database.WriteAsync(
            session => RequestedCollectionJob.AddAsync(
                session, jobs, grace, sent.EmptyTrash == true, http.Caller().Name, clock.GetUtcNow()),
            isDurable: true, http.RequestAborted);
        return ApiAnswer<CollectionView>.Made(CollectionView.Of(row));
    }

    public async Task<ApiAnswer<CollectionView>> GetAsync(HttpContext http, long id) =>
        await database.ReadAsync(session => CollectionTable.FindAsync(session, id), http.RequestAborted) is { } row
            ? CollectionView.Of(row) : ApiError.NotFound("such collection");

    /// <summary>What a collection would remove now.</summary>
    public async Task<ApiAnswer<GarbageReport>> EstimateAsync(
        HttpContext http, double? graceSeconds = null, bool? emptyTrash = null) =>
        GraceOf(graceSeconds) is { } grace
            ? await estimate.RunAsync(grace, emptyTrash == true, http.RequestAborted) : InvalidGrace();

    private TimeSpan? GraceOf(double? seconds) => seconds switch
    {
        null => storage.Maintenance.Gc.Grace,
        >= 0 when seconds <= MaxGrace.TotalSeconds => TimeSpan.FromSeconds(seconds.Value),
        _ => null,
    };

    private static ApiError InvalidGrace() =>
        ApiError.Invalid($"graceSeconds is between 0 and {MaxGrace.TotalSeconds:F0}, a year");
}
