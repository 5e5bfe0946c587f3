using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Metadata;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Access;

/// <summary>
/// The keys that sign access tokens: on the curve P-256, in the database, so that all nodes have the same. A new one is
/// made every <c>auth.tokenkeyage</c>; it signs only once all nodes must have seen it, and the one before it is kept
/// until the next, or for as long as a token that it signed may be of use.
/// </summary>
/// <param name="database">Where they are kept.</param>
/// <param name="maxAge">How long one signs.</param>
/// <param name="longestUse">How long a token may be of use, the rest of an upload included.</param>
/// <param name="clock">The time.</param>
internal sealed class TokenKeys(Database database, TimeSpan maxAge, TimeSpan longestUse, TimeProvider clock)
    : IDisposable
{
    /// <summary>How often the keys are read, so that a new one is known everywhere before it signs.</summary>
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMinutes(1);

    /// <summary>For how long a new key is only published.</summary>
    private static readonly TimeSpan PublishedFirst = TimeSpan.FromMinutes(5);

    /// <summary>How often at most an unknown key id makes this node look: anyone can send one.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim reading = new(1, 1);
    private volatile KeySet? last;

    /// <summary>The keys with which tokens may be signed, the one that signs first.</summary>
    /// <exception cref="DatabaseUnavailableException">No key is known, and none can be read.</exception>
    public ValueTask<IReadOnlyList<TokenKey>> AllAsync(CancellationToken cancellation) =>
        last is { } known && clock.GetElapsedTime(known.ReadAt) < ReadEvery
            ? new ValueTask<IReadOnlyList<TokenKey>>(known.Keys)
            : ReadAsync(ReadEvery, cancellation);

    /// <summary>The key with an id, or null.</summary>
    /// <exception cref="DatabaseUnavailableException">No key is known, and none can be read.</exception>
    public async ValueTask<TokenKey?> FindAsync(string id, CancellationToken cancellation) =>
        Find(await AllAsync(cancellation), id) ?? Find(await ReadAsync(LookEvery, cancellation), id);

    public void Dispose() => reading.Dispose();

    private static TokenKey? Find(IReadOnlyList<TokenKey> keys, string id) => keys.FirstOrDefault(key => key.Id == id);

    private async ValueTask<IReadOnlyList<TokenKey>> ReadAsync(TimeSpan maxAgeOfReading, CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            if (last is { } known && clock.GetElapsedTime(known.ReadAt) < maxAgeOfReading) return known.Keys;
            var at = clock.GetTimestamp();
            var rows = await ReadOrMakeAsync(cancellation);
            var keys = (last?.Keys ?? []).ToDictionary(key => key.Id);
            var now = clock.GetUtcNow();
            var all = rows.Select(row => keys.GetValueOrDefault(row.Id) ?? new TokenKey(row)).ToList();

            // The newest that has been published for long enough; at first there is only one.
            var signs = all.Find(key => now - key.CreatedAt >= PublishedFirst) ?? all[^1];
            all.Remove(signs);
            all.Insert(0, signs);
            last = new KeySet(all, at);
            return all;
        }
        catch (DatabaseUnavailableException) when (last is not null)
        {
            return last.Keys;
        }
        finally
        {
            reading.Release();
        }
    }

    private async Task<List<TokenKeyRow>> ReadOrMakeAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var rows = await database.ReadAsync(TokenKeyTable.AllAsync, cancellation);
        if (rows.Count > 0 && now - rows[0].CreatedAt < maxAge) return rows;
        var made = Make(now);

        // The newest that signed all tokens that may still be of use.
        var needed = rows.Find(row => now - row.CreatedAt > PublishedFirst + longestUse);
        return await database.WriteAsync(
            async session =>
            {
                await TokenKeyTable.AddUnlessAsync(session, made, now - maxAge);
                if (needed is not null) await TokenKeyTable.RemoveBeforeAsync(session, needed.CreatedAt);
                return await TokenKeyTable.AllAsync(session);
            },
            isDurable: true, cancellation);
    }

    private static TokenKeyRow Make(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new TokenKeyRow(DockerKeyId.Of(key.ExportSubjectPublicKeyInfo()), key.ExportPkcs8PrivateKey(), now);
    }

    private sealed record KeySet(IReadOnlyList<TokenKey> Keys, long ReadAt);
}

/// <summary>A key that signs access tokens, ready for use.</summary>
internal sealed class TokenKey
{
    /// <summary>RFC 5280, section 4.1.2.5: for a certificate without a known end.</summary>
    private static readonly DateTimeOffset NoEnd = new(9999, 12, 31, 23, 59, 59, TimeSpan.Zero);

    private readonly Lazy<string> certificate;

    public TokenKey(TokenKeyRow row)
    {
        certificate = new Lazy<string>(MakeCertificate);
        (Id, CreatedAt) = (row.Id, row.CreatedAt);
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(row.PrivateKey, out _);
        Key = new ECDsaSecurityKey(key) { KeyId = row.Id };
        Credentials = new SigningCredentials(Key, SecurityAlgorithms.EcdsaSha256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        (X, Y) = (Base64UrlEncoder.Encode(point.X), Base64UrlEncoder.Encode(point.Y));
    }

    /// <summary>The <c>kid</c>: in distribution 2's form, which it insists on, while others take any.</summary>
    public string Id { get; }

    public DateTimeOffset CreatedAt { get; }

    public ECDsaSecurityKey Key { get; }

    public SigningCredentials Credentials { get; }

    /// <summary>The point on the curve, as a JSON Web Key has it (RFC 7518, section 6.2.1).</summary>
    public string X { get; }

    public string Y { get; }

    /// <summary>
    /// A self-signed certificate of the key, for those who take keys in no other form. They look at nothing in it but
    /// the key. Each node makes its own, once.
    /// </summary>
    public string CertificatePem => certificate.Value;

    private string MakeCertificate()
    {
        var request = new CertificateRequest("CN=Berth access tokens", Key.ECDsa, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        using var made = request.CreateSelfSigned(CreatedAt, NoEnd);
        return made.ExportCertificatePem();
    }
}
