using System.Security.Cryptography;

namespace Berth.Jobs;

/// <summary>Delays between repeated attempts, with jitter so that nodes don't run in step.</summary>
internal static class Backoff
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>
    /// The delay after a failure: doubles with each, up to a maximum, minus a jitter of up to a half.
    /// </summary>
    /// <param name="failures">How often it failed before.</param>
    public static TimeSpan After(long failures)
    {
        var rest = First * Math.Pow(2, Math.Min(failures, 30));
        return (rest < Longest ? rest : Longest) * Between(0.5, 1);
    }

    /// <summary>The time with a jitter of a fifth either way.</summary>
    public static TimeSpan About(TimeSpan time) => time * Between(0.8, 1.2);

    public static double Between(double least, double most) =>
        least + (most - least) * RandomNumberGenerator.GetInt32(1001) / 1000;
}
