using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
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
    private volatile SslServerAuthenticationOptions current;
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

    /// <summary>What to present to the next client.</summary>
    public SslServerAuthenticationOptions Current()
    {
        if (clock.GetElapsedTime(Volatile.Read(ref checkedAt)) < CheckedEvery || !reloading.TryEnter()) return current;
        try
        {
            ReloadIfChanged();
        }
        finally
        {
            Volatile.Write(ref checkedAt, clock.GetTimestamp());
            reloading.Exit();
        }

        return current;
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

    private SslServerAuthenticationOptions Load()
    {
        var certificate = Read(settings.Certificate!, path => X509Certificate2.CreateFromPemFile(path, settings.Key));
        var chain = Read(settings.Certificate!, ReadCertificates);
        var options = new SslServerAuthenticationOptions
        {
            EnabledSslProtocols =
                settings.MinimumTls == "tls1.3" ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            ApplicationProtocols = hasHttp2
                ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]
                : [SslApplicationProtocol.Http11],
        };
        SslCertificateTrust? trust = null;
        if (settings.ClientCas.Count > 0)
        {
            var issuers = new X509Certificate2Collection();
            foreach (var file in settings.ClientCas) issuers.AddRange(Read(file, ReadCertificates));
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = PolicyOf(issuers);
            trust = SslCertificateTrust.CreateForX509Collection(issuers, sendTrustInHandshake: true);
        }

        options.ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true, trust);
        return options;
    }

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
    public static void UseCertificate(this ListenOptions listen, ServerCertificate certificate) =>
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(certificate.Current()),
        });
}
