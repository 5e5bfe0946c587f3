using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Registry;

/// <summary>
/// How much namespaces and repositories may keep, and who is refused. The transaction that links a blob decides: its
/// triggers have locked what is used by then. Before that, <see cref="UploadQuotas"/> refuses what can't fit. Without
/// quotas, all of this costs nothing: they are in memory, for as long as <see cref="AccessVersion"/> stays the same.
/// </summary>
internal sealed partial class Quotas(
    Database database, AccessVersion version, QuotaSettings settings, TimeProvider clock, ILogger<Quotas> log)
{
    /// <summary>So far below the share, what comes near it again is worth another warning.</summary>
    private const int CalmPercent = 5;

    private static readonly TimeSpan TrashReadEvery = TimeSpan.FromSeconds(10);

    private static readonly Counter<long> Refusals = Meters.Berth.CreateCounter<long>(
        "berth.quota.refusals", "{push}", "Pushes that a quota refused.");

    private static readonly Counter<long> Warnings = Meters.Berth.CreateCounter<long>(
        "berth.quota.warnings", "{warning}", "How often a namespace or a repository came near its quota.");

    /// <summary>Pushes at once may note what is used in another order than they used it.</summary>
    private static readonly TimeSpan NearAtLeast = TimeSpan.FromMinutes(1);

    /// <summary>What is near its quota, and when that was said.</summary>
    private readonly ConcurrentDictionary<string, DateTimeOffset> near = new(StringComparer.Ordinal);
    private readonly BoundedCache<Trash> trash = new(maxCost: 1000);
    private volatile Known? last;

    private sealed record Known(long Version, Dictionary<string, QuotaRow> Quotas);

    private sealed record Trash(long Bytes, long ReadAt);

    /// <summary>The quotas of a repository and its namespace.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not known, and can't be read.</exception>
    public async ValueTask<IReadOnlyList<QuotaRow>> OfAsync(
        RepositoryName repository, CancellationToken cancellation)
    {
        var number = await version.CurrentAsync(cancellation);
        var known = last;
        if (known?.Version != number)
        {
            var rows = await database.ReadAsync(QuotaTable.AllAsync, cancellation);
            last = known = new Known(number, rows.ToDictionary(row => row.Scope, StringComparer.Ordinal));
        }

        if (known.Quotas.Count == 0 && settings.NamespaceBytes == 0) return [];
        var space = repository.Namespace;
        var quotas = new List<QuotaRow>(2);
        if (!known.Quotas.TryGetValue(space, out var quota)) quota = DefaultOf(space);
        if (quota is not null) quotas.Add(quota);
        if (repository.Text.Length > space.Length && known.Quotas.TryGetValue(repository.Text, out var own))
            quotas.Add(own);
        return quotas;
    }

    /// <summary>What the settings say of a namespace without a quota of its own; null: nothing.</summary>
    public QuotaRow? DefaultOf(string space) => settings.NamespaceBytes == 0
        ? null : new QuotaRow(space, settings.NamespaceBytes, null, settings.WarnPercent, 0);

    /// <summary>Checks what a blob has added that was just linked, in the transaction that did.</summary>
    /// <returns>What is used now, for <see cref="NoteUsed"/>.</returns>
    /// <exception cref="QuotaExceededException">It is too much.</exception>
    public static async ValueTask<List<(QuotaRow Quota, long UsedBytes)>> CheckLinkedAsync(
        Session session, IReadOnlyList<QuotaRow> quotas, BlobLink link)
    {
        var used = new List<(QuotaRow, long)>();
        foreach (var quota in quotas)
        {
            if (quota.MaxBytes is not { } most) continue;
            var now = await QuotaTable.UsedAsync(session, quota);
            if (now > most && await QuotaTable.IsFirstAsync(session, quota, link.Digest.Text))
                throw new QuotaExceededException("", quota, now - link.SizeBytes, link.SizeBytes);
            used.Add((quota, now));
        }

        return used;
    }

    /// <summary>What is used of quotas before many blobs are linked, for <see cref="CheckGrownAsync"/>.</summary>
    public static async ValueTask<List<(QuotaRow Quota, long UsedBytes)>> UsedAsync(
        Session session, IReadOnlyList<QuotaRow> quotas)
    {
        var used = new List<(QuotaRow, long)>();
        foreach (var quota in quotas.Where(quota => quota.MaxBytes is not null))
            used.Add((quota, await QuotaTable.UsedAsync(session, quota)));
        return used;
    }

    /// <summary>Checks what blobs have added that were linked since, in the transaction that did.</summary>
    /// <exception cref="QuotaExceededException">It is too much.</exception>
    public static async ValueTask CheckGrownAsync(
        Session session, IReadOnlyList<(QuotaRow Quota, long UsedBytes)> before)
    {
        foreach (var (quota, bytes) in before)
        {
            var now = await QuotaTable.UsedAsync(session, quota);
            if (now > quota.MaxBytes && now > bytes) throw new QuotaExceededException("", quota, bytes, now - bytes);
        }
    }

    /// <summary>Says in words what <see cref="CheckGrownAsync"/> has found.</summary>
    public async ValueTask<QuotaExceededException> ExplainGrowthAsync(
        QuotaExceededException found, string what, CancellationToken cancellation)
    {
        var refusal = await RefuseAsync(found.Quota, found.UsedBytes, 0, 0, cancellation);
        return new QuotaExceededException(
            $"the {what} adds {ByteText.Of(found.MoreBytes)}, and {refusal.Message}", found.Quota, found.UsedBytes,
            found.MoreBytes);
    }

    /// <summary>How many tags count for quotas, for <see cref="CheckMoreTagsAsync"/>.</summary>
    public static async ValueTask<List<(QuotaRow Quota, long Tags)>> TagsAsync(
        Session session, IReadOnlyList<QuotaRow> quotas)
    {
        var limited = quotas.Where(quota => quota.MaxTags is not null).ToList();
        if (limited.Count == 0) return [];
        await QuotaTable.LockAsync(session, limited.Select(quota => quota.Scope));
        var counts = new List<(QuotaRow, long)>();
        foreach (var quota in limited) counts.Add((quota, await QuotaTable.TagsAsync(session, quota)));
        return counts;
    }

    /// <summary>Checks tags that have come since, in the transaction that brought them.</summary>
    /// <exception cref="QuotaExceededException">They are too many.</exception>
    public static async ValueTask CheckMoreTagsAsync(
        Session session, IReadOnlyList<(QuotaRow Quota, long Tags)> before)
    {
        foreach (var (quota, count) in before)
        {
            var now = await QuotaTable.TagsAsync(session, quota);
            if (now <= quota.MaxTags || now <= count) continue;
            Refusals.Add(1);
            throw new QuotaExceededException(
                $"{quota.Scope} would have {now:N0} of at most {quota.MaxTags:N0} tags", quota, 0, 0);
        }
    }

    /// <summary>Checks, in the transaction that makes them, whether there is room for tags.</summary>
    /// <exception cref="QuotaExceededException">There is none.</exception>
    public static async ValueTask CheckTagsAsync(
        Session session, IReadOnlyList<QuotaRow> quotas, RepositoryName repository, IEnumerable<Tag> tags)
    {
        var limited = quotas.Where(quota => quota.MaxTags is not null).ToList();
        var names = tags.Select(tag => tag.Text).ToList();
        if (limited.Count == 0 || names.Count == 0) return;
        var there = await RepositoryTable.FindAsync(session, repository) is { } id
            ? (await TagTable.FindAllAsync(session, id, names)).Count : 0;
        if (there == names.Count) return;
        await QuotaTable.LockAsync(session, limited.Select(quota => quota.Scope));
        foreach (var quota in limited)
        {
            var count = await QuotaTable.TagsAsync(session, quota);
            if (count + names.Count - there <= quota.MaxTags) continue;
            Refusals.Add(1);
            throw new QuotaExceededException(
                $"{quota.Scope} has {count:N0} of at most {quota.MaxTags:N0} tags: delete some, or point one that is "
                + "there to the image",
                quota, 0, 0);
        }
    }

    /// <summary>Notes what is used, and says once when it comes near a quota.</summary>
    public void NoteUsed(List<(QuotaRow Quota, long UsedBytes)> used)
    {
        var now = clock.GetUtcNow();
        foreach (var (quota, bytes) in used)
        {
            if (!IsNear(quota with { WarnPercent = quota.WarnPercent - CalmPercent }, bytes))
            {
                if (near.TryGetValue(quota.Scope, out var since) && now - since > NearAtLeast)
                    near.TryRemove(quota.Scope, out _);
            }
            else if (IsNear(quota, bytes) && near.TryAdd(quota.Scope, now))
            {
                Warnings.Add(1);
                LogNear(quota.Scope, ByteText.Of(bytes), ByteText.Of(quota.MaxBytes!.Value));
            }
        }
    }

    /// <summary>Whether so much is near a quota, or above it.</summary>
    public static bool IsNear(QuotaRow quota, long usedBytes) =>
        quota.MaxBytes is { } most && usedBytes >= (decimal)most * quota.WarnPercent / 100;

    /// <summary>A refusal of bytes, with the numbers in words.</summary>
    /// <param name="quota">The quota.</param>
    /// <param name="usedBytes">What is used.</param>
    /// <param name="heldBytes">What uploads in progress have been promised.</param>
    /// <param name="moreBytes">What would be added; 0 if it is not known yet.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<QuotaExceededException> RefuseAsync(
        QuotaRow quota, long usedBytes, long heldBytes, long moreBytes, CancellationToken cancellation)
    {
        Refusals.Add(1);
        var inTrash = await TrashOfAsync(quota, cancellation);
        var text = $"{quota.Scope} uses {ByteText.Of(usedBytes)} of {ByteText.Of(quota.MaxBytes ?? 0)}";
        if (usedBytes > quota.MaxBytes && ByteText.Of(usedBytes) == ByteText.Of(quota.MaxBytes.Value))
            text += $" ({usedBytes - quota.MaxBytes:N0} bytes over)";
        if (inTrash > 0)
        {
            var option = quota.IsOfRepository ? "repository" : "namespace";
            text += $", {ByteText.Of(inTrash)} of them in the trash (berth trash empty --{option} {quota.Scope})";
        }

        if (heldBytes > 0) text += $"; other uploads in progress need {ByteText.Of(heldBytes)}";
        if (moreBytes > 0) text += $"; this layer has {ByteText.Of(moreBytes)}";
        if (usedBytes > 0)
        {
            text += ". Deleted layers count until storage.maintenance.gc.grace has passed after they left the trash, "
                + "or until an administrator runs berth gc --grace 0s";
        }

        return new QuotaExceededException(text, quota, usedBytes, moreBytes);
    }

    private async ValueTask<long> TrashOfAsync(QuotaRow quota, CancellationToken cancellation)
    {
        if (trash.TryGet(quota.Scope, out var known) && clock.GetElapsedTime(known.ReadAt) < TrashReadEvery)
            return known.Bytes;
        var bytes = await database.ReadAsync(
            session => UsageTable.TrashBytesAsync(session, quota.Repositories), cancellation);
        trash.Set(quota.Scope, new Trash(bytes, clock.GetTimestamp()), cost: 1);
        return bytes;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Scope} comes near its quota: it uses {Used} of {Most}")]
    private partial void LogNear(string scope, string used, string most);
}
