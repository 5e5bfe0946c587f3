using System.Net;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>Users and bcrypt hashes from a file that <c>htpasswd -B</c> writes, reloaded when it changes.</summary>
internal sealed partial class HtpasswdFile
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);

    /// <summary>So that the wrong kind of file does not fill the log.</summary>
    private const int MaxReports = 20;

    private readonly string path;
    private readonly PasswordChecks checks;
    private readonly TimeProvider clock;
    private readonly ILogger<HtpasswdFile> log;
    private volatile Content content;
    private long readAt;
    private volatile bool isUnreadable;

    /// <exception cref="StartException">The file can't be read, or nobody could sign in with it.</exception>
    public HtpasswdFile(string path, PasswordChecks checks, TimeProvider clock, ILogger<HtpasswdFile> log)
    {
        (this.path, this.checks, this.clock, this.log) = (path, checks, clock, log);
        readAt = clock.GetTimestamp();
        content = new Content(Read(path));
        Report(content.Entries);
        if (content.Entries.Hashes.Count == 0) throw new StartException($"auth.htpasswd.path: {NobodyIn(path)}");
    }

    /// <summary>Everything wrong with the file that the settings name.</summary>
    public static IEnumerable<SettingsFault> Check(AuthSettings? settings)
    {
        if (settings?.Htpasswd is not { } htpasswd) yield break;
        const string Key = "auth.htpasswd.path";
        var path = htpasswd.Path;
        HtpasswdEntries? entries = null;
        StartException? unreadable = null;
        try
        {
            entries = HtpasswdEntries.Parse(Read(path));
        }
        catch (StartException e)
        {
            unreadable = e;
        }

        if (entries is null)
        {
            yield return new SettingsFault(path, null, Key, unreadable!.Message);
            yield break;
        }

        foreach (var (number, reason) in entries.Unusable)
        {
            yield return new SettingsFault(path, number, Key, reason) { Severity = Severity.Notice };
        }

        if (entries.Hashes.Count == 0) yield return new SettingsFault(path, null, Key, NobodyIn(path));
    }

    /// <summary>Whether the file has a user with this name.</summary>
    public bool Knows(string user) => Current().Entries.Hashes.ContainsKey(user);

    /// <summary>Checks a user's password.</summary>
    /// <param name="user">Any text.</param>
    /// <param name="password">Any text; bcrypt reads the first 72 bytes of it.</param>
    /// <param name="client">Whom the answer is for: a client's checks wait for each other.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public ValueTask<PasswordAnswer> CheckAsync(
        string user, string password, IPAddress? client, CancellationToken cancellation)
    {
        var current = Current();
        var isKnown = current.Entries.Hashes.TryGetValue(user, out var hash);

        // An unknown user costs as much as a known one, so that timing does not reveal names.
        return checks.CheckAsync(
            user, password, hash ?? current.DecoyFor(user), isKnown, client, cancellation);
    }

    private static string NobodyIn(string path) =>
        $"nobody could sign in: no line of {path} has a name and a bcrypt hash; write one with htpasswd -B";

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"the users file can't be read: {e.Message}", e);
        }
    }

    /// <summary>
    /// Compares contents, not times: with Kubernetes' symlinked secrets the file behind a path changes, and copy tools
    /// may preserve times.
    /// </summary>
    private Content Current()
    {
        var last = Interlocked.Read(ref readAt);
        if (clock.GetElapsedTime(last) < ReadEvery
            || Interlocked.CompareExchange(ref readAt, clock.GetTimestamp(), last) != last)
        {
            return content;
        }

        try
        {
            var bytes = Read(path);
            if (isUnreadable) LogReadable(path);
            isUnreadable = false;
            if (content.IsMadeOf(bytes)) return content;
            content = new Content(bytes);
            LogChanged(path, content.Entries.Hashes.Count);
            Report(content.Entries);
            if (content.Entries.Hashes.Count == 0) LogNobody(NobodyIn(path));
        }
        catch (StartException e)
        {
            // The file is being replaced: the previous users stay valid until it can be read again.
            if (!isUnreadable) LogUnreadable(e.Message);
            isUnreadable = true;
        }

        return content;
    }

    private void Report(HtpasswdEntries entries)
    {
        foreach (var (number, reason) in entries.Unusable.Take(MaxReports)) LogUnusable(path, number, reason);
        if (entries.Unusable.Count > MaxReports) LogMore(path, entries.Unusable.Count - MaxReports);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path}:{Line}: {Reason}")]
    private partial void LogUnusable(string path, int line, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path}: {Count} more lines can't be used")]
    private partial void LogMore(string path, int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Path} changed and now has {Count} users")]
    private partial void LogChanged(string path, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason}")]
    private partial void LogNobody(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason}; its previous users stay valid")]
    private partial void LogUnreadable(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Path} can be read again")]
    private partial void LogReadable(string path);

    private sealed class Content(byte[] bytes)
    {
        private readonly byte[] bytes = bytes;
        private string[]? decoys;

        public HtpasswdEntries Entries { get; } = HtpasswdEntries.Parse(bytes);

        public bool IsMadeOf(byte[] others) => bytes.AsSpan().SequenceEqual(others);

        /// <summary>One of the real hashes, always the same one for a name, so that it costs as much as any.</summary>
        public string DecoyFor(string user)
        {
            decoys ??= Entries.Hashes.Count > 0
                ? [.. Entries.Hashes.Values]
                : ["$2a$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"];
            return decoys[(uint)string.GetHashCode(user, StringComparison.Ordinal) % decoys.Length];
        }
    }
}
