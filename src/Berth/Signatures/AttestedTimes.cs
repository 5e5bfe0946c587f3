namespace Berth.Signatures;

/// <summary>When a signature existed, as logs and authorities say that are trusted.</summary>
/// <param name="Times">Each of them.</param>
/// <param name="Reason">Why a timestamp did not count; null if all did.</param>
internal sealed record AttestedTimes(IReadOnlyList<SigningTime> Times, string? Reason)
{
    /// <summary>The earliest, which all the others confirm; null if there is none.</summary>
    public SigningTime? First => Times.MinBy(one => one.Time);

    /// <summary>All times. Those of logs count only after <see cref="LogVerification.Check"/> found no fault.</summary>
    /// <exception cref="FormatException">A timestamp can't be read.</exception>
    public static AttestedTimes Of(SigstoreSignature signature, TrustRoot root)
    {
        var times = new List<SigningTime>();
        var reason = (string?)null;
        foreach (var bytes in signature.Timestamps)
        {
            var token = TimestampToken.Parse(bytes);
            var reasons = root.TimestampAuthorities
                .Select(authority => token.Check(signature.Signature, authority)).ToList();
            if (reasons.Contains(null)) times.Add(new SigningTime(token.Time, TimeSource.Timestamp));
            else reason = reasons.FirstOrDefault() ?? "no timestamp authority is trusted";
        }

        foreach (var entry in signature.Entries)
        {
            if (LogVerification.LogOf(entry, root) is not null && LogVerification.TimeOf(entry) is { } time)
                times.Add(new SigningTime(time, TimeSource.Log));
        }

        return new AttestedTimes(times, reason);
    }
}
