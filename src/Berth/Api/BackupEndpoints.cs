using Berth.Backups;
using Berth.Jobs;
using Berth.Lifecycle;
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

/// <summary>How far all backups are read again, and what that has found.</summary>
internal sealed record BackupVerificationView(
    string? Place, DateTimeOffset? BeganAt, DateTimeOffset? EndedAt, DateTimeOffset? LastEndedAt, long ReadBlobs,
    int Percent, long Damaged, string? Error) : INoted
{
    ChangeNote INoted.Note => new(Target: null, Place);
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
        if (storage.Maintenance.Backup.To is not { } to) return NoPlace();
        var row = await database.WriteAsync(
            session => RequestedBackupJob.AddAsync(session, jobs, to, clock.GetUtcNow()), isDurable: true,
            http.RequestAborted);
        return ApiAnswer<BackupView>.Made(BackupView.Of(row));
    }

    public async Task<ApiAnswer<BackupView>> GetAsync(HttpContext http, long id) =>
        await database.ReadAsync(session => BackupTable.FindAsync(session, id), http.RequestAborted) is { } row
            ? BackupView.Of(row) : ApiError.NotFound("such backup");

    public async Task<ApiAnswer<BackupVerificationView>> GetVerificationAsync(HttpContext http) =>
        await database.ReadAsync(
            async session => await ViewAsync(session, await ScrubTable.FindAsync(session, ScrubTable.OfBackups)),
            http.RequestAborted);

    /// <summary>Reads all backups in the place of the settings again, from now on.</summary>
    public async Task<ApiAnswer<BackupVerificationView>> VerifyAsync(HttpContext http)
    {
        if (storage.Maintenance.Backup.To is not { } to) return NoPlace();
        var place = BackupPlace.NameOf(to);
        var (view, since) = await database.WriteAsync<(BackupVerificationView?, DateTimeOffset?)>(
            async session =>
            {
                if (await BackupTable.PresentAsync(session, place) is []) return (null, null);
                var (pass, isNew) = await CheckBackupsJob.BeginAsync(session, jobs, clock.GetUtcNow());
                return isNew ? (await ViewAsync(session, pass), null) : (null, pass.BeganAt);
            },
            isDurable: true, http.RequestAborted);
        if (view is not null) return ApiAnswer<BackupVerificationView>.Made(view);
        return ApiError.Conflict(since is null ? $"there are no backups in {place}"
            : $"all backups are being read already, since {since:yyyy-MM-dd HH:mm} UTC");
    }

    private static ApiError NoPlace() =>
        ApiError.Conflict("storage.maintenance.backup.to does not say where backups go");

    private async ValueTask<BackupVerificationView> ViewAsync(Session session, ScrubPass? pass)
    {
        var place = storage.Maintenance.Backup.To is { } to ? BackupPlace.NameOf(to) : null;
        var present = place is null ? [] : await BackupTable.PresentAsync(session, place);
        var percent = pass is null ? 0 : pass.EndedAt is not null ? 100
            : Math.Min(99, (int)(100 * ReadPosition.Parse(pass.Position).Share));
        return new BackupVerificationView(
            place, pass?.BeganAt, pass?.EndedAt, pass?.LastEndedAt, pass?.Blobs ?? 0, percent,
            present.Count(row => row.State == BackupStates.Damaged),
            await JobTable.FindErrorAsync(session, CheckBackupsJob.Name));
    }

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
