using System.Security.Cryptography;

namespace Berth.Jobs;

/// <summary>How long what is done again and again rests in between, so that nodes don't do it in step.</summary>
internal static class Backoff
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>The rest after a failure: twice as long with each, up to the longest, less up to a half.</summary>
    /// <param name="failures">How often it failed before.</param>
    public static TimeSpan After(long failures)
    {
        var rest = First * Math.Pow(2, Math.Min(failures, 30));
        return (rest < Longest ? rest : Longest) * Between(0.5, 1);
    }

    /// <summary>A time up to a fifth shorter or longer.</summary>
    public static TimeSpan About(TimeSpan time) => time * Between(0.8, 1.2);

    public static double Between(double least, double most) =>
        least + (most - least) * RandomNumberGenerator.GetInt32(1001) / 1000;
}
