namespace Berth.Identity;

/// <summary>Whose page made a browser send a request.</summary>
internal enum RequestOrigin
{
    /// <summary>It does not say: no browser of these days, or no browser.</summary>
    Unknown,

    /// <summary>A page of this registry, or the user.</summary>
    Own,

    /// <summary>A page of another site.</summary>
    Foreign,
}

/// <summary>Tells whose page made a browser send a request: cookies go along with requests of any page.</summary>
internal static class RequestOrigins
{
    /// <param name="request">The request.</param>
    /// <param name="host">The URL at which browsers reach the registry, if it is known.</param>
    public static RequestOrigin Of(HttpRequest request, string? host)
    {
        // Fetch Metadata Request Headers, section 2.3. Browsers send them only where others can't listen.
        if (request.Headers["Sec-Fetch-Site"] is [{ } site])
            return site is "same-origin" or "none" ? RequestOrigin.Own : RequestOrigin.Foreign;
        if (request.Headers.Origin is not [{ } text])
            return request.Headers.Origin.Count == 0 ? RequestOrigin.Unknown : RequestOrigin.Foreign;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var origin)) return RequestOrigin.Foreign;

        // Not the scheme: a proxy that is not trusted may have ended TLS.
        var isOwn = IsAt(origin, $"{origin.Scheme}://{request.Host.Value}") || (host is not null && IsAt(origin, host));
        return isOwn ? RequestOrigin.Own : RequestOrigin.Foreign;
    }

    private static bool IsAt(Uri origin, string address) => Uri.TryCreate(address, UriKind.Absolute, out var other)
        && string.Equals(origin.Authority, other.Authority, StringComparison.OrdinalIgnoreCase);
}
