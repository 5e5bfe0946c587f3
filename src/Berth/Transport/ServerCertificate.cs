using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Settings;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Berth.Transport;

/// <summary>
/// TLS from PEM files, reloaded when they change: at a handshake, at most once a second. Broken files are only logged,
/// and the previous certificate stays.
/// </summary>
internal sealed partial class ServerCertificate
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private static readonly TimeSpan CheckedEvery = TimeSpan.FromSeconds(1);

    private readonly TlsSettings settings;
    private readonly bool hasHttp2;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Lock reloading = new();
    private volatile Offers current;
    private Stamp[] stamps;
    private long checkedAt;

    /// <exception cref="StartException">A file can't be read or is invalid.</exception>
    public ServerCertificate(HttpSettings http, TimeProvider clock, ILogger<ServerCertificate> log)
    {
        (settings, hasHttp2, this.clock, this.log) = (http.Tls, !http.Http2.Disabled, clock, log);
        try
        {
            stamps = ReadStamps();
            current = Load();
        }
        catch (Exception e) when (IsBadFile(e))
        {
            throw new StartException(
                $"http.tls: {e.Message} Give PEM files that belong together, with a key that has no passphrase", e);
        }

        checkedAt = clock.GetTimestamp();
    }

    /// <summary>Whether HTTP/2 is offered to clients at all.</summary>
    public bool HasHttp2 => hasHttp2;

    /// <summary>What to present to the next client.</summary>
    /// <param name="withHttp2">Offer HTTP/2 besides HTTP/1.1.</param>
    public SslServerAuthenticationOptions Current(bool withHttp2)
    {
        ReloadIfDue();
        var offers = current;
        return withHttp2 ? offers.Both : offers.Http11;
    }

    private void ReloadIfDue()
    {
        if (clock.GetElapsedTime(Volatile.Read(ref checkedAt)) < CheckedEvery || !reloading.TryEnter()) return;
        try
        {
            ReloadIfChanged();
        }
        finally
        {
            Volatile.Write(ref checkedAt, clock.GetTimestamp());
            reloading.Exit();
        }
    }

    private void ReloadIfChanged()
    {
        try
        {
            var found = ReadStamps();
            if (found.AsSpan().SequenceEqual(stamps)) return;

            // Recorded even if loading fails; otherwise the same error would be logged every second.
            stamps = found;
            current = Load();
            LogReloaded(settings.Certificate!);
        }
        catch (Exception e) when (IsBadFile(e))
        {
            LogBroken(settings.Certificate!, e.Message);
        }
    }

    private static bool IsBadFile(Exception e) =>
        e is IOException or UnauthorizedAccessException or CryptographicException or InvalidDataException;

    private Offers Load()
    {
        var certificate = Read(settings.Certificate!, path => X509Certificate2.CreateFromPemFile(path, settings.Key));
        var chain = Read(settings.Certificate!, ReadCertificates);
        X509Certificate2Collection? issuers = null;
        SslCertificateTrust? trust = null;
        if (settings.ClientCas.Count > 0)
        {
            issuers = [];
            foreach (var file in settings.ClientCas) issuers.AddRange(Read(file, ReadCertificates));
            trust = SslCertificateTrust.CreateForX509Collection(issuers, sendTrustInHandshake: true);
        }

        var context = SslStreamCertificateContext.Create(certificate, chain, offline: true, trust);
        return new Offers(
            Offer(context, issuers, [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]),
            Offer(context, issuers, [SslApplicationProtocol.Http11]));
    }

    private SslServerAuthenticationOptions Offer(
        SslStreamCertificateContext context, X509Certificate2Collection? issuers,
        List<SslApplicationProtocol> protocols) => new()
        {
            EnabledSslProtocols =
                settings.MinimumTls == "tls1.3" ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            ApplicationProtocols = protocols,
            ClientCertificateRequired = issuers is not null,
            CertificateChainPolicy = issuers is null ? null : PolicyOf(issuers),
            ServerCertificateContext = context,
        };

    private static X509ChainPolicy PolicyOf(X509Certificate2Collection issuers)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(issuers);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return policy;
    }

    private static X509Certificate2Collection ReadCertificates(string path)
    {
        var found = new X509Certificate2Collection();
        found.ImportFromPemFile(path);
        return found.Count > 0 ? found : throw new InvalidDataException("there is no certificate in it.");
    }

    /// <summary>The platform's errors do not name the file.</summary>
    private static T Read<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is CryptographicException or InvalidDataException)
        {
            throw new InvalidDataException($"{path} can't be used: {e.Message}", e);
        }
    }

    private Stamp[] ReadStamps()
    {
        string?[] files = [settings.Certificate, settings.Key, .. settings.ClientCas];
        return [.. files.OfType<string>().Select(Stamp.Of)];
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate {Path} was reloaded")]
    private partial void LogReloaded(string path);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "The certificate {Path} changed but can't be used, so the previous one stays: {Reason}")]
    private partial void LogBroken(string path, string reason);

    /// <summary>The same certificate, with HTTP/2 and without.</summary>
    private sealed record Offers(SslServerAuthenticationOptions Both, SslServerAuthenticationOptions Http11);

    private readonly record struct Stamp(DateTime WrittenUtc, long Length)
    {
        /// <summary>Uses an open file: a path's time would be that of a symlink, whose target may change.</summary>
        public static Stamp Of(string path)
        {
            using var file = File.OpenHandle(path);
            return new Stamp(File.GetLastWriteTimeUtc(file), RandomAccess.GetLength(file));
        }
    }
}

internal static class ServerCertificateExtensions
{
    /// <summary>A client that comes when all places for HTTP/2 are taken gets HTTP/1.1.</summary>
    public static void UseCertificate(this ListenOptions listen, ServerCertificate certificate)
    {
        var connections = listen.ApplicationServices.GetRequiredService<OpenConnections>();
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = handshake => ValueTask.FromResult(certificate.Current(
                certificate.HasHttp2 && connections.TryTakeHttp2Place(PlaceOf(handshake.Connection.Features)))),
        });
        listen.Use(next => connection =>
        {
            var agreed = connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol;
            if (agreed?.Span.SequenceEqual(SslApplicationProtocol.Http2.Protocol.Span) != true)
            {
                connections.ReturnHttp2Place(PlaceOf(connection.Features));
            }

            return next(connection);
        });
    }

    private static OpenConnection PlaceOf(IFeatureCollection features) =>
        features.GetRequiredFeature<OpenConnection>();
}
