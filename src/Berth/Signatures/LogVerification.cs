using System.Text;

namespace Berth.Signatures;

/// <summary>Verifies what transparency logs say about a signature, without asking them.</summary>
internal static class LogVerification
{
    /// <summary>The log that an entry is of; null if it is not trusted.</summary>
    public static TrustedLog? LogOf(LogEntry entry, TrustRoot root) =>
        root.Logs.FirstOrDefault(log => log.Id.AsSpan().SequenceEqual(entry.LogId));

    /// <summary>When the log received the entry.</summary>
    /// <returns>Null if it has no promise, without which anybody could have written the time.</returns>
    public static DateTimeOffset? TimeOf(LogEntry entry) =>
        entry.Promise is not null && entry.IntegratedTime is > 0 and < 253402300800
            ? DateTimeOffset.FromUnixTimeSeconds(entry.IntegratedTime)
            : null;

    /// <summary>Verifies that the log has the entry, and that it is for this signature.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="log">The log it is of.</param>
    /// <param name="signature">What it must be for.</param>
    /// <param name="key">The signer's key.</param>
    /// <returns>Why not; null if so.</returns>
    public static string? Check(LogEntry entry, TrustedLog log, SigstoreSignature signature, VerificationKey key)
    {
        if (entry.Promise is null && entry.Proof is null) return "the log entry has neither a promise nor a proof";
        return (entry.Promise is { } promise ? CheckPromise(entry, promise, log) : null)
            ?? (entry.Proof is { } proof ? CheckProof(entry, proof, log) : null)
            ?? LogBody.Check(entry, signature, key);
    }

    /// <summary>Verifies the signed entry timestamp: over canonical JSON (RFC 8785), which sorts the fields.</summary>
    private static string? CheckPromise(LogEntry entry, byte[] promise, TrustedLog log)
    {
        var (body, logId) = (Convert.ToBase64String(entry.Body), Convert.ToHexStringLower(entry.LogId));
        var rest = $"\"integratedTime\":{entry.IntegratedTime},\"logID\":\"{logId}\",\"logIndex\":{entry.Index}";
        var signed = $"{{\"body\":\"{body}\",{rest}}}";
        if (!log.Key.VerifiesMessage(Encoding.UTF8.GetBytes(signed), promise))
            return $"the signed entry timestamp is not by the log {log.Host}";
        return TimeOf(entry) is { } received && log.ValidFor.Contains(received) ? null
            : $"the log {log.Host} was not trusted when it received the entry";
    }

    private static string? CheckProof(LogEntry entry, InclusionProof proof, TrustedLog log)
    {
        var checkpoint = Checkpoint.Parse(proof.Checkpoint);
        if (!checkpoint.IsSignedBy(log)) return $"the checkpoint is not signed by the log {log.Host}";
        if (checkpoint.Size != proof.TreeSize || !checkpoint.RootHash.AsSpan().SequenceEqual(proof.RootHash))
            return "the checkpoint is of another tree than the proof of inclusion";
        return MerkleTree.RootOf(entry.Body, proof) is { } root && root.AsSpan().SequenceEqual(checkpoint.RootHash)
            ? null : "the proof of inclusion does not lead to the tree's root";
    }
}
