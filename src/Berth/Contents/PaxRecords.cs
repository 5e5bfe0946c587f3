using System.Globalization;
using System.Text;

namespace Berth.Contents;

/// <summary>What extended headers say of the entry after them, in place of its own header.</summary>
internal sealed class PaxRecords
{
    public string? Path { get; set; }

    public string? Link { get; set; }

    public long? SizeBytes { get; private set; }

    public long? Uid { get; private set; }

    public long? Gid { get; private set; }

    public long? ModifiedAt { get; private set; }

    /// <summary>Reads <c>LENGTH KEY=VALUE\n</c>, again and again; the last one of a key counts.</summary>
    /// <exception cref="LayerFaultException">They are not that.</exception>
    public void Read(ReadOnlySpan<byte> records)
    {
        while (!records.IsEmpty)
        {
            var space = records[..Math.Min(records.Length, 20)].IndexOf((byte)' ');
            if (space <= 0
                || !int.TryParse(records[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= space + 1 || length > records.Length || records[length - 1] != '\n')
            {
                throw Broken();
            }

            var record = records[(space + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals <= 0) throw Broken();
            Set(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..]);
            records = records[length..];
        }
    }

    private void Set(string key, ReadOnlySpan<byte> value)
    {
        if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
            throw new LayerFaultException("it has a file with holes, which images don't have");
        switch (key)
        {
            case "path": Path = TextOf(value); break;
            case "linkpath": Link = TextOf(value); break;
            case "size": SizeBytes = NumberOf(key, value, mayBeNegative: false); break;
            case "uid": Uid = NumberOf(key, value, mayBeNegative: true); break;
            case "gid": Gid = NumberOf(key, value, mayBeNegative: true); break;
            case "mtime": ModifiedAt = SecondsOf(value); break;
        }
    }

    private static string TextOf(ReadOnlySpan<byte> value) => value.Contains((byte)0)
        ? throw new LayerFaultException("a path has a NUL character") : TarHeader.TextOf(value);

    /// <summary>Whole seconds: what comes after the point is left out.</summary>
    private static long SecondsOf(ReadOnlySpan<byte> value)
    {
        var point = value.IndexOf((byte)'.');
        return NumberOf("mtime", point < 0 ? value : value[..point], mayBeNegative: true);
    }

    private static long NumberOf(string key, ReadOnlySpan<byte> value, bool mayBeNegative) =>
        long.TryParse(
            value, mayBeNegative ? NumberStyles.AllowLeadingSign : NumberStyles.None, CultureInfo.InvariantCulture,
            out var number)
            ? number : throw new LayerFaultException($"the {key} of an entry is no number");

    private static LayerFaultException Broken() => new("the extended header of an entry is broken");
}
