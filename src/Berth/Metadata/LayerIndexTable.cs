using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How far the list of a layer's files is, as the table has it.</summary>
internal static class LayerStates
{
    public const string Waiting = "waiting";
    public const string Indexed = "indexed";

    /// <summary>There is none: the layer is damaged, lies about itself, or is beyond a limit.</summary>
    public const string Fault = "fault";
}

/// <summary>The list of a layer's files, without the list itself.</summary>
/// <param name="Digest">The layer.</param>
/// <param name="State">One of <see cref="LayerStates"/>.</param>
/// <param name="IsWanted">Whether somebody asked for it.</param>
/// <param name="MadeWith">The form and the limits that it was made with; empty: it was not made.</param>
internal sealed record LayerIndexRow(Digest Digest, string State, bool IsWanted, string MadeWith)
{
    /// <summary>How many entries the layer has.</summary>
    public long Entries { get; init; }

    /// <summary>The length of its files, in bytes.</summary>
    public long FileBytes { get; init; }

    /// <summary>What is wrong with the layer.</summary>
    public string? Fault { get; init; }
}

/// <summary>What is in a layer, in the forms that the database keeps.</summary>
/// <param name="Files">The list of its files.</param>
/// <param name="Packages">The packages; null if there are none.</param>
/// <param name="PackagesForm">The form of these.</param>
internal sealed record LayerContents(byte[] Files, byte[]? Packages, long PackagesForm);

/// <summary>The lists of files in layers: one row for each blob that is, or was asked for as, a layer.</summary>
internal static class LayerIndexTable
{
    private const string AddStatement =
        "INSERT INTO layer_index (digest, state, added_at, is_wanted, attempts, made_with, entries, file_bytes)";

    /// <summary>Notes layers whose files are to be listed, unless they are already. In order of their digests, so that
    /// no two pushes wait for each other.</summary>
    public static ValueTask<int> AddAsync(Session session, IEnumerable<Digest> digests, DateTimeOffset now) =>
        session.RunAsync(
            $"""
            {AddStatement}
            SELECT layer.*, 'waiting', $2, 0, 0, '', 0, 0 FROM ({session.TextsIn("$1")}) AS layer WHERE true ORDER BY 1
            ON CONFLICT (digest) DO NOTHING
            """,
            Session.ToTexts(digests.Select(digest => digest.Text)), now.ToUnixTimeMilliseconds());

    /// <summary>Notes that somebody waits for the list of a layer's files, which begins anew if it was made already.
    /// </summary>
    public static ValueTask<int> WantAsync(Session session, Digest digest, DateTimeOffset now) => session.RunAsync(
        $"""
        {AddStatement} VALUES ($1, 'waiting', $2, 1, 0, '', 0, 0)
        ON CONFLICT (digest) DO UPDATE SET state = 'waiting', is_wanted = 1, attempts = 0, made_with = '', fault = NULL,
            content = NULL, packages = NULL, packages_form = 0, entries = 0, file_bytes = 0
        """,
        digest.Text, now.ToUnixTimeMilliseconds());

    public static async ValueTask<Dictionary<Digest, LayerIndexRow>> FindAllAsync(
        Session session, IEnumerable<Digest> digests)
    {
        var rows = await session.AllAsync(
            $"""
            SELECT digest, state, is_wanted, made_with, entries, file_bytes, fault FROM layer_index
            WHERE digest IN ({session.TextsIn("$1")})
            """,
            Read, Session.ToTexts(digests.Select(digest => digest.Text)));
        return rows.ToDictionary(row => row.Digest);
    }

    /// <summary>The list itself; null if there is none.</summary>
    public static ValueTask<byte[]?> LoadAsync(Session session, Digest digest) => session.FirstAsync(
        "SELECT content FROM layer_index WHERE digest = $1 AND state = 'indexed'",
        row => (byte[])row.GetValue(0), digest.Text);

    /// <summary>The list itself, with the packages that files of the layer list, if there are any; null if there is no
    /// list.</summary>
    public static ValueTask<LayerContents?> LoadWithPackagesAsync(Session session, Digest digest) =>
        session.FirstAsync(
            "SELECT content, packages, packages_form FROM layer_index WHERE digest = $1 AND state = 'indexed'",
            row => new LayerContents(
                (byte[])row.GetValue(0), row.IsDBNull(1) ? null : (byte[])row.GetValue(1), row.GetInt64(2)),
            digest.Text);

    /// <summary>The layer whose files are to be listed next, of those that nobody asks for: what waits longest.
    /// </summary>
    public static ValueTask<LayerIndexRow?> NextAsync(Session session) => session.FirstAsync(
        """
        SELECT digest, state, is_wanted, made_with, entries, file_bytes, fault FROM layer_index
        WHERE state = 'waiting' AND is_wanted = 0 ORDER BY added_at, digest LIMIT 1
        """,
        Read);

    /// <summary>The same of those that somebody asks for: rather one that no other node reads already.</summary>
    public static ValueTask<LayerIndexRow?> NextWantedAsync(Session session) => session.FirstAsync(
        """
        SELECT digest, state, is_wanted, made_with, entries, file_bytes, fault FROM layer_index
        WHERE state = 'waiting' AND is_wanted = 1 ORDER BY attempts, added_at, digest LIMIT 1
        """,
        Read);

    /// <summary>Notes that reading a layer begins. Returns how often it has begun; null if it does not wait.</summary>
    public static ValueTask<long?> BeginAsync(Session session, Digest digest) => session.NumberAsync(
        "UPDATE layer_index SET attempts = attempts + 1 WHERE digest = $1 AND state = 'waiting' RETURNING attempts",
        digest.Text);

    /// <summary>A layer whose packages are in an earlier form than the present one; null if there is none.</summary>
    public static ValueTask<LayerIndexRow?> NextOldPackagesAsync(Session session, long form) => session.FirstAsync(
        """
        SELECT digest, state, is_wanted, made_with, entries, file_bytes, fault FROM layer_index
        WHERE state = 'indexed' AND packages_form < $1 ORDER BY packages_form, added_at, digest LIMIT 1
        """,
        Read, form);

    /// <summary>Notes that reading the packages of a listed layer begins. Returns how often it has begun; null if they
    /// have the present form.</summary>
    public static ValueTask<long?> BeginPackagesAsync(Session session, Digest digest, long form) =>
        session.NumberAsync(
            """
            UPDATE layer_index SET attempts = attempts + 1
            WHERE digest = $1 AND state = 'indexed' AND packages_form < $2 RETURNING attempts
            """,
            digest.Text, form);

    /// <summary>Keeps the packages of a layer that is listed.</summary>
    public static ValueTask<int> EndPackagesAsync(Session session, Digest digest, byte[]? packages, long form) =>
        session.RunAsync(
            """
            UPDATE layer_index SET packages = $2, packages_form = $3, attempts = 0
            WHERE digest = $1 AND state = 'indexed'
            """,
            digest.Text, packages, form);

    /// <summary>Takes that back: it was not the layer's fault that it did not end. Others come first now, so that one
    /// that can never be read does not keep them waiting.</summary>
    public static ValueTask<int> TakeBackAsync(Session session, Digest digest, DateTimeOffset now) => session.RunAsync(
        """
        UPDATE layer_index SET attempts = attempts - 1, added_at = $2
        WHERE digest = $1 AND state IN ('waiting', 'indexed') AND attempts > 0
        """,
        digest.Text, now.ToUnixTimeMilliseconds());

    /// <summary>Keeps a list, or why there is none, unless the layer has gone.</summary>
    public static ValueTask<int> EndAsync(
        Session session, LayerIndexRow row, byte[]? content, byte[]? packages = null, long form = 0) =>
        session.RunAsync(
            """
            UPDATE layer_index SET state = $2, made_with = $3, entries = $4, file_bytes = $5, fault = $6, content = $7,
                packages = $8, packages_form = $9, attempts = 0
            WHERE digest = $1
            """,
            row.Digest.Text, row.State, row.MadeWith, row.Entries, row.FileBytes, row.Fault, content, packages, form);

    /// <summary>Forgets layers that are gone from the store.</summary>
    public static ValueTask<int> RemoveAsync(Session session, IEnumerable<Digest> digests) => session.RunAsync(
        $"DELETE FROM layer_index WHERE digest IN ({session.TextsIn("$1")})",
        Session.ToTexts(digests.Select(digest => digest.Text)));

    private static LayerIndexRow Read(DbDataReader row) =>
        new(Digest.Parse(row.GetString(0)), row.GetString(1), row.GetInt64(2) != 0, row.GetString(3))
        {
            Entries = row.GetInt64(4),
            FileBytes = row.GetInt64(5),
            Fault = row.TextOrNull(6),
        };
}
