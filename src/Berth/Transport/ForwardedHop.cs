using Microsoft.Extensions.Primitives;

namespace Berth.Transport;

/// <summary>What one proxy reported: whom it got the request from, and what the request looked like there.</summary>
internal readonly record struct ForwardedHop(string? For, string? Proto, string? Host)
{
    /// <summary>How many of a <c>Forwarded</c> are kept, the nearest. Proxies in a row are a handful.</summary>
    private const int MaxHops = 100;

    /// <summary>The nearest proxy's hop first. A malformed <c>Forwarded</c> is ignored.</summary>
    public static List<ForwardedHop> ReadNearestFirst(IHeaderDictionary headers)
    {
        var clients = Split(headers["X-Forwarded-For"]);
        var protos = Split(headers["X-Forwarded-Proto"]);
        var hosts = Split(headers["X-Forwarded-Host"]);
        var count = Math.Max(Math.Max(clients.Length, protos.Length), hosts.Length);
        if (count == 0) return ReadForwarded(headers["Forwarded"]);
        var hops = new List<ForwardedHop>(count);
        for (var i = 1; i <= count; i++)
        {
            hops.Add(new ForwardedHop(FromEnd(clients, i), FromEnd(protos, i), FromEnd(hosts, i)));
        }

        return hops;
    }

    private static string[] Split(StringValues values) => values.Count == 0
        ? []
        : values.ToString().Split(',', StringSplitOptions.TrimEntries);

    private static string? FromEnd(string[] values, int i) => i <= values.Length ? values[^i] : null;

    /// <summary><c>for="[2001:db8::1]:4711";proto=https, for=10.0.0.1</c> (RFC 7239, section 4).</summary>
    private static List<ForwardedHop> ReadForwarded(StringValues values)
    {
        if (values.Count == 0) return [];
        var hops = new Queue<ForwardedHop>();
        var rest = values.ToString().AsSpan();
        var hop = default(ForwardedHop);
        while (true)
        {
            rest = rest.TrimStart(" \t");
            if (!rest.IsEmpty && rest[0] is not (';' or ',') && !TryTakePair(ref rest, ref hop)) return [];
            rest = rest.TrimStart(" \t");
            if (rest.IsEmpty || rest[0] == ',')
            {
                if (hops.Count == MaxHops) hops.Dequeue();
                hops.Enqueue(hop);
                hop = default;
                if (rest.IsEmpty) return [.. hops.Reverse()];
            }
            else if (rest[0] != ';')
            {
                return [];
            }

            rest = rest[1..];
        }
    }

    private static bool TryTakePair(ref ReadOnlySpan<char> rest, ref ForwardedHop hop)
    {
        var equals = rest.IndexOf('=');
        if (equals <= 0 || rest[..equals].ContainsAny(" \t,;\"")) return false;
        var name = rest[..equals];
        rest = rest[(equals + 1)..];
        if (!TryTakeValue(ref rest, out var value)) return false;
        if (name.Equals("for", StringComparison.OrdinalIgnoreCase)) hop = hop with { For = value };
        else if (name.Equals("proto", StringComparison.OrdinalIgnoreCase)) hop = hop with { Proto = value };
        else if (name.Equals("host", StringComparison.OrdinalIgnoreCase)) hop = hop with { Host = value };
        return true;
    }

    /// <summary>A token, or a quoted string; none of these values needs a backslash.</summary>
    private static bool TryTakeValue(ref ReadOnlySpan<char> rest, out string value)
    {
        value = "";
        if (rest is ['"', ..])
        {
            var close = rest[1..].IndexOf('"');
            if (close < 0) return false;
            value = rest.Slice(1, close).ToString();
            rest = rest[(close + 2)..];
            return true;
        }

        var end = rest.IndexOfAny(";, \t");
        value = (end < 0 ? rest : rest[..end]).ToString();
        rest = end < 0 ? [] : rest[end..];
        return value.Length > 0;
    }
}
