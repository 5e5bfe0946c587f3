using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>
/// Copies all metadata from one database into another, empty one, of the same engine or not:
/// <code>
/// source: keep servers out ───────────────────────────────────────────────────────────► release
/// target:    keep servers out ► is it empty? ► rows, page by page ► compare both ► commit
/// </code>
/// The target sees one transaction: if anything fails before its end, the target stays empty.
/// </summary>
/// <param name="source">What is copied.</param>
/// <param name="target">Where to.</param>
/// <param name="isOfBackup">Only what backups hold.</param>
/// <param name="isBesideServers">Servers may use the source: a point in time of it is copied.</param>
internal sealed class MetadataCopy(
    Database source, Database target, bool isOfBackup = false, bool isBesideServers = false)
{
    /// <summary>
    /// The rows of recurring jobs. Every server creates them at startup, so they don't count as content.
    /// </summary>
    private const string ScheduledJobs = "job WHERE unique_key IS NOT NULL";

    private readonly IReadOnlyList<CopiedTable> tables = isOfBackup ? CopiedTable.BackedUp : CopiedTable.All;
    private long rowsDone;
    private volatile string step = "";

    /// <summary>Every row is copied once, and then read back on both sides.</summary>
    public long RowsToDo { get; private set; } = 1;

    public long RowsDone => Volatile.Read(ref rowsDone);

    /// <summary>The current step, for people.</summary>
    public string Step => step;

    /// <summary>Copies, and keeps the copy only if it equals the source.</summary>
    /// <returns>The comparison, in the tables' order.</returns>
    /// <exception cref="DatabaseInUseException">A server is using one of the databases.</exception>
    /// <exception cref="InvalidDataException">The target is not empty.</exception>
    public async Task<List<ComparedTable>> RunAsync(CancellationToken cancellation)
    {
        var compared = new List<ComparedTable>();
        try
        {
            Func<Session, Task> copy = from => target.UseAloneAsync(async to =>
            {
                await RequireEmptyAsync(to);
                RowsToDo = Math.Max(1, 3 * await CountRowsAsync(from));
                await to.CountUsageAsync(isOn: false);
                foreach (var table in tables) await CopyAsync(from, to, table, cancellation);
                await to.CountUsageAsync(isOn: true);

                // Another store's journal begins with all there is.
                if (isOfBackup) await RebuiltRows.ForgetChangesAsync(to);
                foreach (var table in tables) compared.Add(await CompareAsync(from, to, table, cancellation));
                if (!compared.TrueForAll(t => t.IsSame)) throw new CopyDiffersException();

                // Two databases with one mark could both use the store, and collect each other's blobs.
                if (!isOfBackup) await StoreMarkTable.BecomeCopyAsync(to, StoreIdentity.NewMark());
            }, cancellation);
            await (isBesideServers
                ? source.ReadSnapshotAsync(copy, cancellation) : source.UseAloneAsync(copy, cancellation));
        }
        catch (CopyDiffersException)
        {
            // Thrown to roll back the copy. The tables show what differs.
        }

        return compared;
    }

    private async Task RequireEmptyAsync(Session to)
    {
        await to.RunAsync($"DELETE FROM {ScheduledJobs}");
        await to.RunAsync("DELETE FROM job_history");
        if (!isOfBackup) await to.RunAsync("DELETE FROM store_mark");
        if (!isOfBackup) await to.RunAsync("DELETE FROM scrub");
        if (!isOfBackup) await to.RunAsync("DELETE FROM journal_writer");
        await to.RunAsync("DELETE FROM audit_entry WHERE action = $1", AuditTable.StartAction);
        await to.RunAsync("DELETE FROM signing_key WHERE purpose = $1", SharedKeyTable.AuditPurpose);
        foreach (var table in tables)
        {
            if (await to.NumberAsync($"SELECT 1 FROM {table.Name} LIMIT 1") is null) continue;
            throw new InvalidDataException(
                $"there is already metadata in {target.Name} (table {table.Name}): copy into an empty database");
        }
    }

    private async Task<long> CountRowsAsync(Session from)
    {
        var count = 0L;
        foreach (var table in tables) count += await new TableRows(from, table).CountAsync();
        return count;
    }

    private async Task CopyAsync(Session from, Session to, CopiedTable table, CancellationToken cancellation)
    {
        step = $"Copying {table.Name}";
        var rows = new TableRows(from, table);

        // Triggers may have filled it meanwhile.
        if (table.IsDerived) await to.RunAsync($"DELETE FROM {table.Name}");
        var columns = await rows.ColumnsAsync();
        var places = string.Join(", ", Enumerable.Range(1, columns.Count).Select(n => $"${n}"));
        var insert = $"INSERT INTO {table.Name} ({string.Join(", ", columns)}) VALUES ({places})";
        await foreach (var page in rows.PagesAsync(columns, cancellation))
        {
            await to.RunEachAsync(insert, page);
            AddRows(page.Count);
        }

        if (table.HasIdentity) await to.ContinueIdentitiesAsync(table.Name);
    }

    private async Task<ComparedTable> CompareAsync(
        Session from, Session to, CopiedTable table, CancellationToken cancellation)
    {
        step = $"Comparing {table.Name}";
        var contents = await Task.WhenAll(
            Task.Run(() => new TableRows(from, table).ReadContentAsync(AddRows, cancellation), cancellation),
            Task.Run(() => new TableRows(to, table).ReadContentAsync(AddRows, cancellation), cancellation));
        return new ComparedTable(table.Name, contents[0], contents[1]);
    }

    private void AddRows(int count) => Interlocked.Add(ref rowsDone, count);

    private sealed class CopyDiffersException : Exception;
}
