using System.Security.Cryptography;
using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Makes the first administrator when the registry starts with local users and has none yet, so that one command gives
/// a registry that is secured and can be used.
/// </summary>
internal sealed partial class FirstAdministrator(
    LocalSettings settings, Database database, AccessChanges changes, LocalUsers users, AuditLog audit,
    TimeProvider clock, ILogger<FirstAdministrator> log)
    : IHostedService
{
    /// <summary>Letters that are not mistaken for each other: people may have to type it.</summary>
    private const string Letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

    private const int MadeLength = 20;

    /// <summary>The name and the generated password, to be shown once; null if none were.</summary>
    public (string Name, string Password)? Made { get; private set; }

    /// <exception cref="StartException">The password of the settings can't be used.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (await database.ReadAsync(AccountTable.HasUsersAsync, cancellationToken)) return;
        var given = ReadPassword();
        if (given is not null && users.FindFault(given) is { } fault)
            throw new StartException($"auth.local.adminpassword: {fault}");
        if (!AccountName.TryParse(settings.AdminName, out var name) || name.IsRobot)
            throw new StartException($"auth.local.adminname: '{settings.AdminName}' can't be a user's name");
        var password = given ?? RandomNumberGenerator.GetString(Letters, MadeLength);
        var account = new AccountRow(0, AccountKinds.User, name.Text)
        {
            PasswordHash = users.Hash(password),
            Role = Roles.Word(RegistryRole.Administrator),
            CreatedAt = clock.GetUtcNow(),
            CreatedBy = "first start",
        };

        // Another node may have been faster.
        var isAdded = await changes.RunAsync(
            async session => !await AccountTable.HasUsersAsync(session)
                && await AccountTable.AddAsync(session, account) is not null,
            cancellationToken);
        if (!isAdded) return;
        LogMade(name);
        audit.NoteOwn("register", "the first start, as an administrator", target: name.Text);
        if (given is null) Made = (name.Text, password);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private string? ReadPassword()
    {
        if (settings.AdminPassword is not null) return settings.AdminPassword;
        if (settings.AdminPasswordFile is not { } path) return null;
        try
        {
            return File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"auth.local.adminpasswordfile can't be read: {e.Message}", e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The administrator {Name} was made: there were no users")]
    private partial void LogMade(AccountName name);
}
