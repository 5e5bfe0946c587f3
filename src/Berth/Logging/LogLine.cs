using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Text;
using Berth.Settings;

namespace Berth.Logging;

/// <summary>
/// Builds one line, in UTF-8, in a per-thread buffer. Finish it without awaiting:
/// <code>
/// 2026-11-21T05:14:39.123Z info GET /v2/ 200 bytes=2 ms=0.123 client=127.0.0.1
/// {"time":"2026-11-21T05:14:39.123Z","level":"info","method":"GET","path":"/v2/","status":200,"bytes":2,…}
/// </code>
/// External input is escaped as in JSON, so that nobody can inject lines.
/// </summary>
internal sealed class LogLine
{
    /// <summary>Printable ASCII without the two characters that a quoted string escapes.</summary>
    private const string Printable =
        "!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    private const int KeptBytes = 64 * 1024;

    private static readonly SearchValues<char> Bare = SearchValues.Create(Printable);
    private static readonly SearchValues<char> Quotable = SearchValues.Create(Printable + " ");

    [ThreadStatic]
    private static LogLine? ofThread;

    private byte[] bytes = new byte[1024];
    private int length;
    private bool isJson;

    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, length);

    /// <summary>This thread's line, still empty.</summary>
    public static LogLine Start(bool isJson)
    {
        var line = ofThread ??= new LogLine();
        if (line.bytes.Length > KeptBytes) line.bytes = new byte[KeptBytes];
        (line.length, line.isJson) = (0, isJson);
        return line;
    }

    public static LogLine Start(LogFormat format, LogLevel level)
    {
        var line = Start(format.IsJson);
        if (format.IsJson) line.Add("{\"time\":\""u8);
        line.AddTime(format.Now.UtcDateTime);
        line.Add(format.IsJson ? "\",\"level\":\""u8 : " "u8);
        line.Add(NameOf(level));
        if (format.IsJson) line.Add("\""u8);
        return line;
    }

    /// <summary>The message; in text it has no name.</summary>
    public void Message(ReadOnlySpan<char> text)
    {
        Name("message"u8, isNamed: false);
        if (isJson) Quote(text);
        else Escape(text);
    }

    /// <summary>A self-explanatory value: it has a name only in JSON.</summary>
    public void Word(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        Name(name, isNamed: false);
        Value(value);
    }

    public void Word(ReadOnlySpan<byte> name, long value)
    {
        Name(name, isNamed: false);
        Number(value);
    }

    /// <summary>A name and a value; nothing if there is no value.</summary>
    public void Field(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        if (value.IsEmpty) return;
        Name(name, isNamed: true);
        Value(value);
    }

    public void Field(ReadOnlySpan<byte> name, long value)
    {
        Name(name, isNamed: true);
        Number(value);
    }

    public void Field(ReadOnlySpan<byte> name, IPAddress? value)
    {
        if (value is null) return;
        Name(name, isNamed: true);
        if (isJson) Add("\""u8);
        ClientNetwork.Unmapped(value).TryFormat(Room(64), out var written);
        length += written;
        if (isJson) Add("\""u8);
    }

    /// <summary>A time span in milliseconds, to the microsecond.</summary>
    public void Milliseconds(ReadOnlySpan<byte> name, TimeSpan value)
    {
        Name(name, isNamed: true);
        var (whole, microseconds) = Math.DivRem(value.Ticks / TimeSpan.TicksPerMicrosecond, 1000);
        Number(whole);
        Add("."u8);
        Utf8Formatter.TryFormat((uint)microseconds, Room(8), out var written, new StandardFormat('D', 3));
        length += written;
    }

    public void NamedByUser(string name, string value)
    {
        if (isJson)
        {
            Add(","u8);
            Quote(name);
            Add(":"u8);
        }
        else
        {
            Add(" "u8);
            Escape(name);
            Add("="u8);
        }

        Value(value);
    }

    /// <summary>An exception with its stack trace: further lines in text, one more field in JSON.</summary>
    public void Trace(Exception e)
    {
        var text = e.ToString();
        if (isJson)
        {
            Name("exception"u8, isNamed: true);
            Quote(text);
            return;
        }

        foreach (var line in text.AsSpan().EnumerateLines())
        {
            Add("\n    "u8);
            Escape(line);
        }
    }

    /// <summary>The whole line with its line end.</summary>
    public ReadOnlySpan<byte> End(LogFormat format, Exception? e = null)
    {
        Add(format.Fields);
        if (e is not null) Trace(e);
        Add(isJson ? "}\n"u8 : "\n"u8);
        return Written;
    }

    private static ReadOnlySpan<byte> NameOf(LogLevel level) => level switch
    {
        LogLevel.Critical or LogLevel.Error => "error"u8,
        LogLevel.Warning => "warn"u8,
        LogLevel.Information => "info"u8,
        _ => "debug"u8,
    };

    private void Name(ReadOnlySpan<byte> name, bool isNamed)
    {
        if (isJson)
        {
            Add(",\""u8);
            Add(name);
            Add("\":"u8);
            return;
        }

        Add(" "u8);
        if (!isNamed) return;
        Add(name);
        Add("="u8);
    }

    private void Value(ReadOnlySpan<char> text)
    {
        if (!isJson && !text.IsEmpty && !text.ContainsAnyExcept(Bare)) Narrow(text);
        else Quote(text);
    }

    private void Quote(ReadOnlySpan<char> text)
    {
        Add("\""u8);
        Escape(text);
        Add("\""u8);
    }

    private void Escape(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAnyExcept(Quotable);
            if (plain < 0) plain = text.Length;
            Narrow(text[..plain]);
            text = text[plain..];
            if (text.IsEmpty) return;
            Rune.DecodeFromUtf16(text, out var rune, out var taken);
            text = text[taken..];
            AddEscaped(rune);
        }
    }

    private void AddEscaped(Rune rune)
    {
        if (rune.Value is '"' or '\\')
        {
            Add("\\"u8);
            Add([(byte)rune.Value]);
        }
        else if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
        {
            Span<char> units = stackalloc char[2];
            foreach (var unit in units[..rune.EncodeToUtf16(units)])
            {
                Add("\\u"u8);
                Utf8Formatter.TryFormat((ushort)unit, Room(8), out var written, new StandardFormat('x', 4));
                length += written;
            }
        }
        else
        {
            length += rune.EncodeToUtf8(Room(4));
        }
    }

    private void AddTime(DateTime utc)
    {
        Utf8Formatter.TryFormat(utc, Room(32), out var written, new StandardFormat('O'));

        // 'O' writes seven fractional digits; three are enough.
        length += written - 5;
        Add("Z"u8);
    }

    private void Number(long value)
    {
        Utf8Formatter.TryFormat(value, Room(24), out var written);
        length += written;
    }

    /// <summary>Characters that are known to be ASCII.</summary>
    private void Narrow(ReadOnlySpan<char> text) => length += Encoding.ASCII.GetBytes(text, Room(text.Length));

    private void Add(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        length += text.Length;
    }

    private Span<byte> Room(int count)
    {
        if (bytes.Length - length < count) Array.Resize(ref bytes, Math.Max(bytes.Length * 2, length + count));
        return bytes.AsSpan(length);
    }
}
