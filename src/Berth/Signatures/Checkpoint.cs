using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Berth.Signatures;

/// <summary>
/// The note in which a log signs the size and the root of its tree (C2SP, tlog-checkpoint and signed-note).
/// </summary>
/// <param name="Origin">The log's name.</param>
/// <param name="Size">How many leaves.</param>
/// <param name="RootHash">The root.</param>
/// <param name="Text">What is signed.</param>
/// <param name="Signatures">By the log, and by witnesses that confirm it.</param>
internal sealed partial record Checkpoint(
    string Origin, long Size, byte[] RootHash, string Text, IReadOnlyList<NoteSignature> Signatures)
{
    private const int MaxChars = 64 << 10;

    /// <exception cref="FormatException">It is no checkpoint. Says why.</exception>
    public static Checkpoint Parse(string note)
    {
        if (note.Length > MaxChars) throw new FormatException("the checkpoint is very large");
        var end = note.IndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0) throw new FormatException("the checkpoint has no signatures");
        var lines = note[..end].Split('\n');
        var root = new byte[SHA256.HashSizeInBytes];
        if (lines.Length < 3 || lines[0].Length == 0)
            throw new FormatException("the checkpoint has no origin, size and root");
        if (!long.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out var size))
            throw new FormatException("the checkpoint has no size");
        if (!Convert.TryFromBase64String(lines[2], root, out var written) || written != root.Length)
            throw new FormatException("the checkpoint has no root");
        return new Checkpoint(lines[0], size, root, note[..(end + 1)], ReadSignatures(note[(end + 2)..]));
    }

    /// <summary>Whether the log itself signed it. Others' signatures do not matter.</summary>
    public bool IsSignedBy(TrustedLog log)
    {
        var hint = HintOf(log);
        var text = Encoding.UTF8.GetBytes(Text);
        return (IsOfFirstVersion || Origin == log.Host) && Signatures.Any(one =>
            (IsOfFirstVersion || one.Name == log.Host)
            && one.KeyHint.AsSpan().SequenceEqual(hint)
            && log.Key.VerifiesMessage(text, one.Signature));
    }

    /// <summary>Logs of Rekor 1 add the number of the tree to their name.</summary>
    private bool IsOfFirstVersion => TreeNumber().IsMatch(Origin);

    /// <summary>Rekor 1 hashes the key alone; notes of Ed25519 keys hash the name too.</summary>
    private byte[] HintOf(TrustedLog log) => IsOfFirstVersion || log.Key.Algorithm != KeyAlgorithm.Ed25519
        ? SHA256.HashData(log.Key.Info)[..4]
        : SHA256.HashData([.. Encoding.UTF8.GetBytes(log.Host), (byte)'\n', 1, .. log.Key.Raw])[..4];

    private static List<NoteSignature> ReadSignatures(string text)
    {
        var signatures = new List<NoteSignature>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ');
            var bytes = new byte[line.Length];
            if (words is not ["—", var name, var encoded]
                || !Convert.TryFromBase64String(encoded, bytes, out var length) || length <= 4)
            {
                throw new FormatException("a line below the checkpoint is no signature");
            }

            if (signatures.Count == SignatureLimits.MaxItems)
                throw new FormatException("the checkpoint has too many signatures");
            signatures.Add(new NoteSignature(name, bytes[..4], bytes[4..length]));
        }

        return signatures;
    }

    [GeneratedRegex(" - [0-9]+$")]
    private static partial Regex TreeNumber();
}

/// <summary>A signature below a note.</summary>
internal sealed record NoteSignature(string Name, byte[] KeyHint, byte[] Signature);
