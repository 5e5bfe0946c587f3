using System.Security.Cryptography;
using System.Text;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Audit;

/// <summary>
/// Notes at each start which settings are not at their defaults, by name alone, and a digest of their values: whether
/// it is that of the last start tells whether any was changed. Its key is in the database, since short secrets could be
/// guessed from a digest without one.
/// </summary>
internal sealed partial class StartNote(
    RegistrySettings settings, Database database, AuditLog audit, TimeProvider clock, ILogger<StartNote> log)
    : IHostedService
{
    private const int KeyBytes = 32;

    /// <summary>Half of the hash tells changes apart, and fits on a line.</summary>
    private const int DigestBytes = 16;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = await FindKeyAsync(cancellationToken);
            var changed = ChangedSettings.Of(settings).ToList();
            var text = string.Concat(changed.Select(one => $"{one.Key}={one.Value.Length}:{one.Value}\n"));
            var digest = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)).AsSpan(0, DigestBytes);
            audit.NoteOwn(
                AuditTable.StartAction, changed.Count == 0 ? null : string.Join(", ", changed.Select(one => one.Key)),
                $"hmac-sha256:{Convert.ToHexStringLower(digest)}");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A full disk must not keep anybody from pulling.
            LogFailed(e.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<byte[]> FindKeyAsync(CancellationToken cancellation)
    {
        var known = await database.ReadAsync(
            session => SharedKeyTable.FindAsync(session, SharedKeyTable.AuditPurpose), cancellation);
        if (known is not null) return known;
        var fresh = RandomNumberGenerator.GetBytes(KeyBytes);
        return await database.WriteAsync(
            async session =>
            {
                await SharedKeyTable.AddAsync(session, SharedKeyTable.AuditPurpose, fresh, clock.GetUtcNow());
                return (await SharedKeyTable.FindAsync(session, SharedKeyTable.AuditPurpose))!;
            },
            isDurable: true, cancellation);
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "The settings of this start could not be noted in the audit log: {Reason}")]
    private partial void LogFailed(string reason);
}
