using Berth.Oci;

namespace Berth.Pages;

/// <summary>
/// What has just been done, said on the page that one lands on: a word in its address, for which there is a fixed text.
/// So it is gone with the next page, and no link can make a page say anything else.
/// </summary>
internal static class Said
{
    public const string Added = "added";
    public const string Deleted = "deleted";
    public const string Emptied = "emptied";
    public const string Password = "password";
    public const string Removed = "removed";
    public const string Renamed = "renamed";
    public const string Restored = "restored";
    public const string Revoked = "revoked";
    public const string Saved = "saved";
    public const string SignedOut = "signed-out";

    /// <summary>The word in an address.</summary>
    public const string Field = "done";

    private const string Where = "in";

    /// <summary>An address at which it is said.</summary>
    /// <param name="path">The page.</param>
    /// <param name="what">One of the words.</param>
    /// <param name="repository">The repository to which the message links; null for none.</param>
    public static string At(string path, string what, string? repository = null) =>
        path + (path.Contains('?', StringComparison.Ordinal) ? '&' : '?') + Field + '=' + what
        + (repository is null ? "" : $"&{Where}={Uri.EscapeDataString(repository)}");

    /// <summary>What a page says, and where it leads; null for nothing. Further pages of a list say nothing.</summary>
    public static (string Text, string? Link, string LinkText)? On(Frame frame)
    {
        if (frame.UserName is null || frame.Query("last").Length > 0) return null;
        if (frame.Words.WhatWasDone(frame.Query(Field)) is not { } text) return null;
        if (frame.Query(Field) == Deleted) return (text, frame.To(GarbagePages.Trash), frame.Words.Trash);
        return RepositoryName.TryParse(frame.Query(Where), out var name)
            ? (text, frame.To(PagePath.Of(name.Text)), name.Text) : (text, null, "");
    }
}
