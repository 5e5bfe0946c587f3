namespace Berth.Pages;

/// <summary>A column of a table.</summary>
/// <param name="Text">Its head.</param>
/// <param name="IsNumber">Whether it has numbers, which are aligned at the right.</param>
internal sealed record TableColumn(string Text, bool IsNumber = false)
{
    public static implicit operator TableColumn(string text) => new(text);

    /// <summary>A column of numbers.</summary>
    public static TableColumn Number(string text) => new(text, IsNumber: true);
}

/// <summary>A table of settings: what it is of, its columns, and its rows of texts and of HTML.</summary>
internal sealed record TableContent(
    string Caption, IReadOnlyList<TableColumn> Columns, IReadOnlyList<object?[]> Rows);
