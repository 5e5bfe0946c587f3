using System.Net.Sockets;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Hosting;

/// <summary>Explains startup failures with a known cause.</summary>
internal static class StartFailure
{
    /// <summary>A line that explains what went wrong, or null for an unexpected error.</summary>
    public static string? Explain(Exception e, RegistrySettings settings)
    {
        if (e is StartException or InvalidDataException) return e.Message;
        if (e is DatabaseUnavailableException or NpgsqlException)
        {
            return $"the database {new PostgresSettings(settings.Database).Name} can't be used ({e.Message}): "
                + "check that it is running, and the settings under database";
        }

        var addr = settings.Http.Addr;
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case AddressInUseException or SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }:
                    return $"another program listens on {addr}: stop it, or set http.addr to another port";
                case SocketException { SocketErrorCode: SocketError.AccessDenied }:
                    return $"no permission to listen on {addr}: set http.addr to a port above 1023, "
                        + "or grant the program CAP_NET_BIND_SERVICE";
                case SocketException { SocketErrorCode: SocketError.AddressNotAvailable }:
                    return $"this machine does not have the address {addr}: "
                        + "set http.addr to one that it has, or to :5000 for all";
                case SqliteException sqlite:
                    return $"the database {DataFolder.DatabasePathOf(settings)} can't be used ({sqlite.Message}): "
                        + "check that it is a Berth database and that this user may write to it";
            }
        }

        return e is IOException or UnauthorizedAccessException ? e.Message : null;
    }
}
