using Berth.Backups;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Api;

/// <summary>A backup of the registry, as it was made and last checked.</summary>
internal sealed record BackupView(
    long Id, string State, string Place, string? Name, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, long Tags,
    long Manifests, long Blobs, long Bytes, long NewBytes, DateTimeOffset? CheckedAt, string? Error) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", Place);

    public static BackupView Of(BackupRow row) => new(
        row.Id, row.State, row.Place, row.Name, row.StartedAt, row.EndedAt, row.Tags, row.Manifests, row.Blobs,
        row.Bytes, row.NewBytes, row.CheckedAt, row.Error);
}

/// <summary><c>/backups</c>: backups to the place in the settings. Only commands choose another place.</summary>
internal sealed class BackupEndpoints(
    Database database, JobTable jobs, StorageSettings storage, TimeProvider clock, RegistryBackups? backups = null)
{
    public async Task<ApiAnswer<Listed<BackupView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => BackupTable.ListAsync(session, before, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(BackupView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<BackupView>> AddAsync(HttpContext http)
    {
        if (storage.Maintenance.Backup.To is not { } to)
            return ApiError.Conflict("storage.maintenance.backup.to does not say where backups go");
        var row = await database.WriteAsync(
            session => RequestedBackupJob.AddAsync(session, jobs, to, clock.GetUtcNow()), isDurable: true,
            http.RequestAborted);
        return ApiAnswer<BackupView>.Made(BackupView.Of(row));
    }

    public async Task<ApiAnswer<BackupView>> GetAsync(HttpContext http, long id) =>
        await database.ReadAsync(session => BackupTable.FindAsync(session, id), http.RequestAborted) is { } row
            ? BackupView.Of(row) : ApiError.NotFound("such backup");

    /// <summary>Removes a backup, and what only it needed.</summary>
    public async Task<ApiDone> RemoveAsync(HttpContext http, long id)
    {
        if (await database.ReadAsync(session => BackupTable.FindAsync(session, id), http.RequestAborted) is not
            { Name: { } name, State: not BackupStates.Removed } row)
        {
            return ApiError.NotFound("such backup");
        }

        if (!http.IsFor(BackupView.Of(row))) return ApiError.Changed();
        if (backups is null || row.Place != BackupPlace.NameOf(storage.Maintenance.Backup.To!))
            return ApiError.Conflict($"it is in {row.Place}, which is not the place in the settings");
        try
        {
            var removed = await backups.RemoveAsync(name, http.RequestAborted);
            return removed.Fault is null ? ApiDone.Done : ApiError.Conflict(
                $"{name} is removed, but what only it needed is still there: {removed.Fault}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return ApiError.Conflict(e.Message);
        }
    }
}
