namespace Berth.Import;

/// <summary>Reads what another registry sends into memory, up to a limit, whatever it says of its length.</summary>
internal static class BoundedBody
{
    private const int FirstBytes = 16 << 10;

    /// <param name="content">The body.</param>
    /// <param name="mostBytes">The limit.</param>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="SourceException">It is longer.</exception>
    public static async Task<byte[]> ReadAsync(
        HttpContent content, long mostBytes, string what, CancellationToken cancellation)
    {
        if (content.Headers.ContentLength > mostBytes) throw TooLong();
        await using var stream = await content.ReadAsStreamAsync(cancellation);
        var body = new byte[content.Headers.ContentLength ?? Math.Min(FirstBytes, mostBytes)];
        for (var length = 0; ;)
        {
            if (length == body.Length)
            {
                var more = new byte[1];
                if (await stream.ReadAsync(more, cancellation) == 0) return body;
                if (length >= mostBytes) throw TooLong();
                Array.Resize(ref body, (int)Math.Clamp(length * 2L, FirstBytes, mostBytes));
                body[length++] = more[0];
                continue;
            }

            var count = await stream.ReadAsync(body.AsMemory(length), cancellation);
            if (count == 0) return body[..length];
            length += count;
        }

        SourceException TooLong() => new($"{what} is longer than {mostBytes} bytes");
    }
}
