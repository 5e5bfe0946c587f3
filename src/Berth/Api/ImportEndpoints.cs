using Berth.Import;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>An import that somebody asked for, and what it has brought so far.</summary>
internal sealed record ImportView(
    long Id, string Source, string? Target, bool Overwrites, string State, DateTimeOffset RequestedAt,
    string RequestedBy, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, ImportReport Done, string? Error) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", Overwrites ? $"{Source}, overwriting tags" : Source);

    public static ImportView Of(ImportRow row) => new(
        row.Id, row.Source, row.Target, row.Overwrites, row.State, row.RequestedAt, row.RequestedBy, row.StartedAt,
        row.EndedAt, row.Done, row.Error);
}

/// <summary>An import that is wanted.</summary>
internal sealed record NewImport(string Source, string? Target = null, bool Overwrites = false);

/// <summary>
/// <c>/imports</c>: registries that move in. They are asked for on the machine itself: over the network, anybody who
/// stole an administrator's password could have any folder of the machine read.
/// </summary>
internal sealed class ImportEndpoints(
    Database database, JobTable jobs, RegistrySettings settings, TimeProvider clock, ILogger<ImportEndpoints> log)
{
    public async Task<ApiAnswer<Listed<ImportView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => ImportTable.ListAsync(session, before, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(ImportView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<ImportView>> AddAsync(HttpContext http, [FromBody] NewImport sent)
    {
        if (Refuse(http, sent.Source) is { } error) return error;
        var wanted = new ImportRow(
            0, sent.Source, sent.Target, sent.Overwrites, ImportStates.Waiting, ImportReport.Nothing)
        {
            RequestedAt = clock.GetUtcNow(),
            RequestedBy = http.Caller().Name,
        };
        var row = await database.WriteAsync(
            session => ImportJob.AddAsync(session, jobs, settings, wanted), isDurable: true, http.RequestAborted);
        return ApiAnswer<ImportView>.Made(ImportView.Of(row));
    }

    public async Task<ApiAnswer<ImportView>> GetAsync(HttpContext http, long id) =>
        await database.ReadAsync(session => ImportTable.FindAsync(session, id), http.RequestAborted) is { } row
            ? ImportView.Of(row) : ApiError.NotFound("such import");

    /// <summary>What an import could not take, or left as it is.</summary>
    public async Task<ApiAnswer<Listed<ImportNote>>> NotesAsync(HttpContext http, long id)
    {
        if (await database.ReadAsync(session => ImportTable.FindAsync(session, id), http.RequestAborted) is null)
            return ApiError.NotFound("such import");
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => ImportTable.NotesAsync(session, id, page.LastId, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows, one => $"{one.Id}");
    }

    /// <summary>What an import would bring now.</summary>
    public async Task<ApiAnswer<ImportForecast>> EstimateAsync(HttpContext http, string source)
    {
        if (Refuse(http, source) is { } error) return error;
        try
        {
            using var volume = await ImportSource.OpenRegistryAsync(source, clock, log, http.RequestAborted);
            var folder = settings.Storage.IsRemote ? null : Path.GetFullPath(settings.Storage.Filesystem.RootDirectory);
            return await ImportForecast.MakeAsync(database, volume, folder, http.RequestAborted);
        }
        catch (InvalidDataException e)
        {
            return ApiError.Invalid(e.Message);
        }
    }

    private ApiError? Refuse(HttpContext http, string source)
    {
        if (source.Contains("://", StringComparison.Ordinal))
        {
            return ApiError.Invalid(
                "a server imports paths only: `berth import URL --server` copies from another registry, whose password "
                + "no server needs to know");
        }

        if (!http.Caller().IsOperator)
        {
            return ApiError.Denied(
                "what is imported is a path on the registry's own machine: run `berth import` there");
        }

        if (settings.Storage.Maintenance.ReadOnly.Enabled)
            return ApiError.Conflict("nothing is imported while storage.maintenance.readonly is on");
        try
        {
            _ = ImportSource.KindOf(source);
            return null;
        }
        catch (InvalidDataException e)
        {
            return ApiError.Invalid(e.Message);
        }
    }
}
