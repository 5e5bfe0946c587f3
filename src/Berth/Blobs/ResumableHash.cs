using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// A hash whose state can be saved and resumed by another process, which .NET's own can't: OpenSSL's SHA256_… and
/// SHA512_… work on a plain struct. If OpenSSL is missing, or its structs differ, .NET's hash does the work and the
/// state can't be saved.
/// </summary>
internal sealed unsafe class ResumableHash : IDisposable
{
    private const int Sha256StateBytes = 112; // SHA256_CTX: 8 words, a counter of 2, a block of 16, 2 numbers
    private const int Sha512StateBytes = 216; // SHA512_CTX: the same with words of 64 bits, the numbers of 32

    private static readonly Functions? Sha256 = Functions.Load("SHA256", DigestAlgorithm.Sha256);
    private static readonly Functions? Sha512 = Functions.Load("SHA512", DigestAlgorithm.Sha512);

    private readonly Functions? functions;
    private readonly byte[] state = [];
    private readonly IncrementalHash? platform;

    private ResumableHash(DigestAlgorithm algorithm, Functions? functions)
    {
        Algorithm = algorithm;
        this.functions = functions;
        if (functions is null) platform = Digest.StartHash(algorithm);
        else state = new byte[functions.StateBytes];
    }

    public DigestAlgorithm Algorithm { get; }

    /// <summary>Starts a new hash.</summary>
    /// <param name="algorithm">Which.</param>
    /// <param name="isResumable">False: uses .NET's hash, as if there were no OpenSSL.</param>
    public static ResumableHash Start(DigestAlgorithm algorithm, bool isResumable = true)
    {
        var hash = new ResumableHash(algorithm, isResumable ? FunctionsOf(algorithm) : null);
        hash.functions?.Start(hash.state);
        return hash;
    }

    /// <summary>Resumes from what <see cref="Save"/> wrote. Null if that is impossible.</summary>
    public static ResumableHash? Resume(string? text)
    {
        if (text?.Split(':', 2) is not [var name, var encoded]) return null;
        if (!Enum.TryParse<DigestAlgorithm>(name, out var algorithm) || !Enum.IsDefined(algorithm)) return null;
        if (FunctionsOf(algorithm) is not { } functions || !Base64Url.IsValid(encoded)) return null;
        var hash = new ResumableHash(algorithm, functions);
        return Base64Url.TryDecodeFromChars(encoded, hash.state, out var length) && length == hash.state.Length
            ? hash
            : null;
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        if (functions is null) platform!.AppendData(data);
        else functions.Append(state, data);
    }

    /// <summary>The digest so far. Hashing can continue.</summary>
    public Digest Current() => functions is null
        ? Digest.FromHash(Algorithm, platform!.GetCurrentHash())
        : functions.End((byte[])state.Clone());

    /// <summary>
    /// The state as text, for <see cref="Resume"/> on a machine of the same byte order; null if it can't be saved.
    /// </summary>
    public string? Save() => functions is null ? null : $"{Algorithm}:{Base64Url.EncodeToString(state)}";

    public void Dispose() => platform?.Dispose();

    private static Functions? FunctionsOf(DigestAlgorithm algorithm) =>
        algorithm == DigestAlgorithm.Sha512 ? Sha512 : Sha256;

    private sealed class Functions
    {
        private static readonly string[] Libraries = ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"];

        private readonly delegate* unmanaged<byte*, int> start;
        private readonly delegate* unmanaged<byte*, byte*, nuint, int> append;
        private readonly delegate* unmanaged<byte*, byte*, int> end;

        private Functions(DigestAlgorithm algorithm, nint start, nint append, nint end)
        {
            Algorithm = algorithm;
            this.start = (delegate* unmanaged<byte*, int>)start;
            this.append = (delegate* unmanaged<byte*, byte*, nuint, int>)append;
            this.end = (delegate* unmanaged<byte*, byte*, int>)end;
        }

        public DigestAlgorithm Algorithm { get; }

        public int StateBytes => Algorithm == DigestAlgorithm.Sha512 ? Sha512StateBytes : Sha256StateBytes;

        public static Functions? Load(string prefix, DigestAlgorithm algorithm)
        {
            foreach (var name in Libraries)
            {
                if (!NativeLibrary.TryLoad(name, out var library)
                    || !NativeLibrary.TryGetExport(library, prefix + "_Init", out var start)
                    || !NativeLibrary.TryGetExport(library, prefix + "_Update", out var append)
                    || !NativeLibrary.TryGetExport(library, prefix + "_Final", out var end))
                {
                    continue;
                }

                var functions = new Functions(algorithm, start, append, end);
                return functions.IsRight() ? functions : null;
            }

            return null;
        }

        public void Start(byte[] state)
        {
            fixed (byte* memory = state) Check(start(memory));
        }

        public void Append(byte[] state, ReadOnlySpan<byte> data)
        {
            fixed (byte* memory = state)
            fixed (byte* first = data)
            {
                if (!data.IsEmpty) Check(append(memory, first, (nuint)data.Length));
            }
        }

        public Digest End(byte[] state)
        {
            Span<byte> hash = stackalloc byte[Algorithm == DigestAlgorithm.Sha512 ? 64 : 32];
            fixed (byte* memory = state)
            fixed (byte* first = hash)
            {
                Check(end(first, memory));
            }

            return Digest.FromHash(Algorithm, hash);
        }

        /// <summary>Space beyond the struct reveals whether it is larger than expected.</summary>
        private bool IsRight()
        {
            const byte Mark = 0xA5;
            var content = new byte[1000];
            for (var i = 0; i < content.Length; i++) content[i] = (byte)i;
            var state = new byte[StateBytes + 256];
            Array.Fill(state, Mark);
            Start(state);
            Append(state, content.AsSpan(0, 333));
            if (state.AsSpan(StateBytes).ContainsAnyExcept(Mark)) return false;
            var copy = new byte[StateBytes];
            state.AsSpan(0, StateBytes).CopyTo(copy);
            Append(copy, content.AsSpan(333));
            return End(copy) == Digest.Of(Algorithm, content);
        }

        private static void Check(int result)
        {
            if (result != 1) throw new CryptographicException("OpenSSL failed to hash");
        }
    }
}
