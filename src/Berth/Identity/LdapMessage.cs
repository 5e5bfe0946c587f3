using System.Formats.Asn1;
using System.Text;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>How an operation ended (RFC 4511, section 4.1.9; appendix A).</summary>
/// <param name="Code">0 if it succeeded.</param>
/// <param name="Message">What the server adds for people; may be empty.</param>
internal readonly record struct LdapResult(int Code, string Message)
{
    public const int Success = 0;
    public const int SizeLimitExceeded = 4;
    public const int ConstraintViolation = 19;
    public const int NoSuchObject = 32;
    public const int InappropriateAuthentication = 48;
    public const int InvalidCredentials = 49;
    public const int InsufficientAccessRights = 50;
    public const int UnwillingToPerform = 53;

    public override string ToString() => Message.Length > 0 ? $"{Name} ({Code}): {Printable}" : $"{Name} ({Code})";

    private string Printable => string.Concat(Message.Select(c => char.IsControl(c) ? ' ' : c)).Trim();

    private string Name => Code switch
    {
        1 => "operations error",
        2 => "protocol error",
        3 => "time limit exceeded",
        SizeLimitExceeded => "size limit exceeded",
        7 => "authentication method not supported",
        8 => "stronger authentication required",
        10 => "referral to another server",
        12 => "unavailable critical extension",
        13 => "confidentiality required",
        ConstraintViolation => "constraint violation",
        NoSuchObject => "no such object",
        34 => "invalid DN",
        InappropriateAuthentication => "inappropriate authentication",
        InvalidCredentials => "invalid credentials",
        InsufficientAccessRights => "insufficient access rights",
        51 => "busy",
        52 => "unavailable",
        UnwillingToPerform => "unwilling to perform",
        _ => "failed",
    };
}

/// <summary>What a search asks for (RFC 4511, section 4.5.1).</summary>
/// <param name="BaseDn">The entry it begins with.</param>
/// <param name="IsWholeTree">Includes everything under that entry.</param>
/// <param name="Filter">Which entries are wanted.</param>
/// <param name="Attributes">Which of their attributes are wanted.</param>
/// <param name="SizeLimit">The most entries that the server sends. 0: no limit.</param>
/// <param name="PageSize">Entries in one page (RFC 2696). 0: no pages.</param>
internal sealed record LdapSearch(
    string BaseDn, bool IsWholeTree, LdapFilter Filter, IReadOnlyList<string> Attributes, int SizeLimit, int PageSize);

/// <summary>Messages of LDAP in binary form (RFC 4511, sections 4.1.1 and 5.1).</summary>
/// <param name="Id">The id of the request that it answers.</param>
/// <param name="Kind">Which operation it is.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Controls">What may be added to it; empty if nothing is.</param>
internal readonly record struct LdapMessage(
    int Id, int Kind, ReadOnlyMemory<byte> Operation, ReadOnlyMemory<byte> Controls)
{
    public const int BindResponse = 1;
    public const int SearchEntry = 4;
    public const int SearchDone = 5;
    public const int SearchReference = 19;
    public const int ExtendedResponse = 24;

    private const string PagedResults = "1.2.840.113556.1.4.319";
    private const string StartTls = "1.3.6.1.4.1.1466.20037";

    private enum Scope
    {
        BaseObject,
        SingleLevel,
        WholeSubtree,
    }

    private enum Dereference
    {
        Never,
    }

    public static byte[] WriteBind(int id, string dn, string password) => Write(id, 0, writer =>
    {
        writer.WriteInteger(3);
        writer.WriteOctetString(Encoding.UTF8.GetBytes(dn));
        writer.WriteOctetString(Encoding.UTF8.GetBytes(password), new Asn1Tag(TagClass.ContextSpecific, 0));
    });

    public static byte[] WriteStartTls(int id) => Write(id, 23, writer =>
        writer.WriteOctetString(Encoding.ASCII.GetBytes(StartTls), new Asn1Tag(TagClass.ContextSpecific, 0)));

    public static byte[] WriteUnbind(int id)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(id);
            writer.WriteNull(new Asn1Tag(TagClass.Application, 2));
        }

        return writer.Encode();
    }

    /// <param name="id">The request's id.</param>
    /// <param name="search">What is searched for.</param>
    /// <param name="cookie">Which page is wanted, from the page before; empty for the first.</param>
    public static byte[] WriteSearch(int id, LdapSearch search, ReadOnlyMemory<byte> cookie) => Write(
        id,
        3,
        writer =>
        {
            writer.WriteOctetString(Encoding.UTF8.GetBytes(search.BaseDn));
            writer.WriteEnumeratedValue(search.IsWholeTree ? Scope.WholeSubtree : Scope.BaseObject);
            writer.WriteEnumeratedValue(Dereference.Never);
            writer.WriteInteger(search.SizeLimit);
            writer.WriteInteger(0);
            writer.WriteBoolean(false);
            search.Filter.Write(writer);
            using (writer.PushSequence())
            {
                foreach (var attribute in search.Attributes) writer.WriteOctetString(Encoding.UTF8.GetBytes(attribute));
            }
        },
        search.PageSize == 0 ? null : writer => WritePage(writer, search.PageSize, cookie));

    /// <exception cref="AsnContentException">It is not a message.</exception>
    public static LdapMessage Read(ReadOnlyMemory<byte> bytes)
    {
        var message = new AsnReader(bytes, AsnEncodingRules.BER).ReadSequence();
        if (!message.TryReadInt32(out var id)) throw new AsnContentException("The id is too large.");
        var tag = message.PeekTag();
        if (tag.TagClass != TagClass.Application) throw new AsnContentException("It is no operation.");
        var operation = message.ReadEncodedValue();
        return new LdapMessage(id, tag.TagValue, operation, message.HasData ? message.ReadEncodedValue() : default);
    }

    /// <exception cref="AsnContentException">It is not the answer to a request.</exception>
    public LdapResult ReadResult()
    {
        var result = ReadOperation();
        var code = 0;
        foreach (var part in result.ReadEnumeratedBytes().Span) code = (code << 8) | part;
        result.ReadOctetString();
        return new LdapResult(code, Encoding.UTF8.GetString(result.ReadOctetString()));
    }

    /// <exception cref="AsnContentException">It is not an entry.</exception>
    public LdapEntry ReadEntry()
    {
        var entry = ReadOperation();
        var dn = Encoding.UTF8.GetString(entry.ReadOctetString());
        var values = new List<(string Attribute, byte[] Value)>();
        for (var attributes = entry.ReadSequence(); attributes.HasData;)
        {
            var attribute = attributes.ReadSequence();
            var name = Encoding.UTF8.GetString(attribute.ReadOctetString());
            for (var set = attribute.ReadSetOf(skipSortOrderValidation: true); set.HasData;)
                values.Add((name, set.ReadOctetString()));
        }

        return new LdapEntry(dn, values);
    }

    /// <summary>Which page is next; empty after the last, and if the server has no pages.</summary>
    /// <exception cref="AsnContentException">The controls are malformed.</exception>
    public byte[] ReadCookie()
    {
        if (Controls.IsEmpty) return [];
        var controls = new AsnReader(Controls, AsnEncodingRules.BER)
            .ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0));
        while (controls.HasData)
        {
            var control = controls.ReadSequence();
            if (Encoding.ASCII.GetString(control.ReadOctetString()) != PagedResults) continue;
            if (control.HasData && control.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean)) control.ReadBoolean();
            if (!control.HasData) return [];
            var page = new AsnReader(control.ReadOctetString(), AsnEncodingRules.BER).ReadSequence();
            page.ReadIntegerBytes();
            return page.ReadOctetString();
        }

        return [];
    }

    private AsnReader ReadOperation() => new AsnReader(Operation, AsnEncodingRules.BER)
        .ReadSequence(new Asn1Tag(TagClass.Application, Kind));

    private static byte[] Write(int id, int kind, Action<AsnWriter> operation, Action<AsnWriter>? controls = null)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(id);
            using (writer.PushSequence(new Asn1Tag(TagClass.Application, kind))) operation(writer);
            if (controls is not null)
            {
                using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0))) controls(writer);
            }
        }

        return writer.Encode();
    }

    /// <summary>Not critical: a server without pages sends everything at once.</summary>
    private static void WritePage(AsnWriter writer, int size, ReadOnlyMemory<byte> cookie)
    {
        var page = new AsnWriter(AsnEncodingRules.BER);
        using (page.PushSequence())
        {
            page.WriteInteger(size);
            page.WriteOctetString(cookie.Span);
        }

        using (writer.PushSequence())
        {
            writer.WriteOctetString(Encoding.ASCII.GetBytes(PagedResults));
            writer.WriteOctetString(page.Encode());
        }
    }
}
