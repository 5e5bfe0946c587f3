using Berth.Metadata;

namespace Berth.Registry;

/// <summary>Something would need more than a quota allows. The message has the numbers, for whoever sent it.</summary>
internal sealed class QuotaExceededException(string message, QuotaRow quota, long usedBytes, long moreBytes)
    : Exception(message)
{
    public QuotaRow Quota => quota;

    /// <summary>What is kept without it, in bytes.</summary>
    public long UsedBytes => usedBytes;

    /// <summary>What would be added, in bytes.</summary>
    public long MoreBytes => moreBytes;
}
