namespace Berth.Vulnerabilities;

/// <summary>
/// How records are kept in a VulnerabilityFile: half as large as JSON, and read three times as fast. What changes here
/// needs another VulnerabilityFile.Form.
/// </summary>
internal static class OsvBytes
{
    /// <summary>A record without what it affects.</summary>
    public static byte[] Write(OsvRecord record) => Write(writer =>
    {
        writer.Write(record.Id);
        Write(writer, record.Published);
        Write(writer, record.Modified);
        Write(writer, record.Aliases, writer.Write);
        Write(writer, record.Upstream, writer.Write);
        Write(writer, record.Related, writer.Write);
        writer.Write(record.Summary ?? "");
        Write(writer, record.Severities);
        writer.Write(record.SeverityWord ?? "");
    });

    /// <summary>The entries of a record for one package, whose name is not among them.</summary>
    public static byte[] Write(IReadOnlyList<OsvAffected> entries) => Write(writer => Write(writer, entries, affected =>
    {
        Write(writer, affected.Severities);
        Write(writer, affected.Ranges, range =>
        {
            writer.Write(range.IsSemver);
            Write(writer, range.Events, one =>
            {
                writer.Write((byte)one.Kind);
                writer.Write(one.Version);
            });
        });
        Write(writer, affected.Versions, writer.Write);
        writer.Write(affected.SeverityWord ?? "");
        Write(writer, affected.Imports, writer.Write);
        writer.Write(affected.Module is not null);
        writer.Write(affected.Module ?? "");
        writer.Write(affected.WillNotBeFixed);
    }));

    public static OsvRecord ReadRecord(byte[] bytes)
    {
        var reader = new BinaryReader(new MemoryStream(bytes));
        return new OsvRecord(reader.ReadString())
        {
            Published = ReadTime(reader),
            Modified = ReadTime(reader),
            Aliases = Read(reader, reader.ReadString),
            Upstream = Read(reader, reader.ReadString),
            Related = Read(reader, reader.ReadString),
            Summary = ReadText(reader),
            Severities = ReadSeverities(reader),
            SeverityWord = ReadText(reader),
        };
    }

    public static OsvAffected[] ReadAffected(byte[] bytes, string ecosystem, string name)
    {
        var reader = new BinaryReader(new MemoryStream(bytes));
        return Read(reader, () => new OsvAffected(ecosystem, name)
        {
            Severities = ReadSeverities(reader),
            Ranges = Read(reader, () => new OsvRange(
                reader.ReadBoolean(),
                Read(reader, () => new OsvEvent((OsvEventKind)reader.ReadByte(), reader.ReadString())))),
            Versions = Read(reader, reader.ReadString),
            SeverityWord = ReadText(reader),
            Imports = Read(reader, reader.ReadString),
            Module = ReadModule(reader),
            WillNotBeFixed = reader.ReadBoolean(),
        });
    }

    internal static byte[] Write(Action<BinaryWriter> write)
    {
        var bytes = new MemoryStream();
        write(new BinaryWriter(bytes));
        return bytes.ToArray();
    }

    internal static void Write<T>(BinaryWriter writer, IReadOnlyList<T> items, Action<T> write)
    {
        writer.Write7BitEncodedInt(items.Count);
        foreach (var item in items) write(item);
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<OsvSeverity> severities) =>
        Write(writer, severities, one =>
        {
            writer.Write(one.Type);
            writer.Write(one.Score);
        });

    internal static void Write(BinaryWriter writer, DateTimeOffset? time) =>
        writer.Write(time?.ToUnixTimeMilliseconds() ?? long.MinValue);

    internal static T[] Read<T>(BinaryReader reader, Func<T> read)
    {
        var count = reader.Read7BitEncodedInt();
        if (count == 0) return [];
        var items = new T[count];
        for (var at = 0; at < count; at++) items[at] = read();
        return items;
    }

    private static string? ReadModule(BinaryReader reader)
    {
        var isSaid = reader.ReadBoolean();
        var module = reader.ReadString();
        return isSaid ? module : null;
    }

    private static OsvSeverity[] ReadSeverities(BinaryReader reader) =>
        Read(reader, () => new OsvSeverity(reader.ReadString(), reader.ReadString()));

    internal static DateTimeOffset? ReadTime(BinaryReader reader) =>
        reader.ReadInt64() is var time and not long.MinValue ? DateTimeOffset.FromUnixTimeMilliseconds(time) : null;

    internal static string? ReadText(BinaryReader reader) => reader.ReadString() is { Length: > 0 } text ? text : null;
}
