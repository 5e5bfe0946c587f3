using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>Reads files of sources, whatever is in them, into a VulnerabilityFile that is being made.</summary>
/// <param name="writer">The file.</param>
/// <param name="ecosystems">What is wanted, as Ecosystems.Normalize has it.</param>
/// <param name="folder">Where something may be unpacked.</param>
/// <param name="sizeBytes">The most bytes of a file, unpacked.</param>
internal sealed class DataImport(
    VulnerabilityFileWriter writer, IReadOnlySet<string> ecosystems, string folder, long sizeBytes)
{
    private long added;

    /// <summary>How many records it has added: vulnerabilities, scores and statements.</summary>
    public long Added => added;

    /// <summary>Reads a file.</summary>
    /// <returns>What could not be read in it, if it is only a part; otherwise null.</returns>
    /// <exception cref="InvalidDataException">It can't be read. Says why; what came before that was added.</exception>
    public async Task<string?> ReadAsync(string path, CancellationToken stop)
    {
        switch (DataFormats.Of(path))
        {
            case DataFormat.OsvDump:
                return await ReadDumpAsync(path, stop);
            case DataFormat.Epss:
                using (var text = DataFormats.OpenText(path)) Add(EpssReader.Read(text, sizeBytes), stop);
                return null;
            case DataFormat.Json:
                Read(DataFormats.ReadJson(path));
                return null;
            case DataFormat.GrypeDatabase:
                ReadGrype(path, stop);
                return null;
            case DataFormat.GrypeArchive:
                await ReadGrypeArchiveAsync(path, stop);
                return null;
            default:
                throw new InvalidDataException("is in no format that is known here");
        }
    }

    private async Task<string?> ReadDumpAsync(string path, CancellationToken stop)
    {
        var zips = new OsvZips(path);
        await foreach (var record in zips.ReadAsync(stop)) Add(record);
        return zips.FaultCount == 0 ? null : $"{zips.FaultCount} records can't be read: {zips.Faults[0]}";
    }

    /// <summary>Where Grype's database is for as long as it is read: a crash leaves it there.</summary>
    public static string UnpackedIn(string folder) => Path.Combine(folder, "grype.unpacked");

    private async Task ReadGrypeArchiveAsync(string path, CancellationToken stop)
    {
        var unpacked = UnpackedIn(folder);
        try
        {
            await GrypeArchive.UnpackAsync(path, unpacked, sizeBytes, stop);
            ReadGrype(unpacked, stop);
        }
        finally
        {
            File.Delete(unpacked);
        }
    }

    private void ReadGrype(string path, CancellationToken stop)
    {
        using var database = GrypeDatabase.Open(path);
        foreach (var record in database.Records(ecosystems))
        {
            stop.ThrowIfCancellationRequested();
            Add(record);
        }

        foreach (var (ecosystem, day) in database.Ends(ecosystems)) writer.Add(ecosystem, day);
        Add(database.Exploits(), stop);
    }

    private void Read(byte[] bytes)
    {
        using var json = JsonData.Parse(bytes);
        try
        {
            Read(json.RootElement, JsonData.KindOf(json.RootElement));
        }
        // What text that is no Unicode ends in.
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"is not JSON ({e.Message})", e);
        }
    }

    private void Read(JsonElement root, JsonDataKind kind)
    {
        switch (kind)
        {
            case JsonDataKind.Osv:
                Add(OsvReader.Read(root));
                break;
            case JsonDataKind.KnownExploited:
                Add(JsonData.ReadKnownExploited(root), CancellationToken.None);
                break;
            default:
                foreach (var statement in VexReader.Read(kind, root))
                {
                    writer.Add(statement);
                    added++;
                }

                break;
        }
    }

    /// <summary>Adds what a record says of packages that are wanted.</summary>
    private void Add(OsvRecord record)
    {
        var wanted = new List<OsvAffected>();
        foreach (var affected in record.Affected)
        {
            if (Ecosystems.Normalize(affected.Ecosystem) is { } ecosystem && ecosystems.Contains(ecosystem))
                wanted.Add(affected with { Ecosystem = ecosystem });
        }

        if (wanted.Count > 0 && writer.Add(record with { Affected = wanted })) added++;
    }

    private void Add(IEnumerable<(string Cve, ExploitFacts Facts)> facts, CancellationToken stop)
    {
        foreach (var (cve, fact) in facts)
        {
            stop.ThrowIfCancellationRequested();
            writer.Add(cve, fact);
            added++;
        }
    }
}
