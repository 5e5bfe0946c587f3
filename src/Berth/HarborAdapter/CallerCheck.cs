using System.Security.Cryptography;
using System.Text;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>
/// Whether a request has the header that the settings say. Only its hash is kept, and hashes are compared in the same
/// time whatever they are.
/// </summary>
internal sealed partial class CallerCheck(ScannerAdapterSettings settings, ILogger<CallerCheck> log)
{
    private readonly byte[]? expected = settings.Authorization is { } header ? HashOf(header) : null;

    private readonly string scheme = SchemeOf(settings.Authorization);

    /// <summary>What is wrong; null: nothing is.</summary>
    public async ValueTask<AdapterError?> CheckAsync(HttpContext http)
    {
        var (hash, challenge) = (expected, scheme);
        if (settings.AuthorizationFile is { } file)
        {
            try
            {
                var header = (await File.ReadAllTextAsync(file, http.RequestAborted)).Trim();
                hash = header.Length > 0 ? HashOf(header) : null;
                challenge = SchemeOf(header);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogUnreadable(file, e.Message);
                return AdapterError.Failed(
                    "the file of scanneradapter.authorizationfile can't be read: the scanner's log says why");
            }
        }

        var sent = http.Request.Headers.Authorization;
        return hash is not null && sent.Count == 1
            && CryptographicOperations.FixedTimeEquals(HashOf(sent.ToString()), hash)
            ? null : AdapterError.Refused(challenge);
    }

    /// <summary>The scheme is the same in capitals (RFC 9110, section 11.1).</summary>
    private static byte[] HashOf(string header)
    {
        var space = Math.Max(header.IndexOf(' '), 0);
        return SHA256.HashData(Encoding.UTF8.GetBytes(header[..space].ToLowerInvariant() + header[space..]));
    }

    private static string SchemeOf(string? header) =>
        header?.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) is true ? "Basic" : "Bearer";

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Requests of scanneradapter are refused: its file {File} can't be read: {Reason}")]
    private partial void LogUnreadable(string file, string reason);
}
