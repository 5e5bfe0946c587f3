using System.CommandLine;

namespace Berth.Cli;

/// <summary>
/// <c>berth logout</c>: revokes the token that <c>berth login</c> got, and forgets it. Exits with 1 if the token is
/// forgotten but may still be good, and 2 if it could not run.
/// </summary>
internal static class LogoutCommand
{
    public static Command Create()
    {
        var server = ApiCommand.Argument("SERVER", "The registry's address, as it was given to `berth login`.");
        var tls = new TlsOptions();
        var command = new Command("logout", "Revoke the token that `berth login` got for this machine.")
        {
            server,
        };
        foreach (var option in tls.All) command.Add(option);
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                return await RunAsync(
                    ApiConnection.AddressOf(parsed.GetValue(server)!), tls.Read(parsed), cancellation);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"berth logout: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(Uri server, TlsFiles files, CancellationToken cancellation)
    {
        if (await SavedTokens.FindAsync(server, cancellation) is not { } token)
        {
            Console.WriteLine($"{SavedTokens.FilePath} has no token for {SavedTokens.NameOf(server)}.");
            return 0;
        }

        var fault = await RevokeAsync(server, token, files, cancellation);
        await SavedTokens.RemoveAsync(token, cancellation);
        if (fault is null)
        {
            Console.WriteLine($"Signed out of {token.Server}. The token is no longer good.");
            return 0;
        }

        await Console.Error.WriteLineAsync(
            $"berth logout: the token is forgotten here, but could not be revoked ({fault}): revoke it with "
            + $"`berth token list {token.User} --server {token.Server}` and `berth token revoke`");
        return 1;
    }

    /// <summary>Why the token may still be good; null if it is not.</summary>
    public static async Task<string?> RevokeAsync(
        Uri server, SavedToken token, TlsFiles files, CancellationToken cancellation)
    {
        try
        {
            await using var api = new ApiConnection(
                server, ApiConnection.Bearer(token.Secret), token.With(files));
            await api.AskAsync("DELETE", "me/tokens/current", body: null, cancellation);
            return null;
        }
        catch (ApiRefusalException e) when (e.IsSignIn)
        {
            // It has ended before.
            return null;
        }
        catch (Exception e) when (e is ApiRefusalException or HttpRequestException or InvalidDataException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return ApiConnection.Explain(e);
        }
    }
}
