using Berth.Cli;

namespace Berth.Tests.Cli;

/// <summary>What lists look like on a terminal, and elsewhere.</summary>
public sealed class TableTests
{
    private static readonly string[] Headings = ["TIME", "NAME", "NOTHING", "DETAIL"];

    private static readonly string[][] Rows =
    [
        ["2026-11-26 07:10 UTC", "acme/a-long-name-of-a-repository", "", "it was denied, since nobody may do that"],
        ["never", "acme/b", "", ""],
    ];

    [Fact]
    public void Elsewhere_all_columns_are_there_and_a_row_is_a_line() => Assert.Equal(
        [
            "TIME (UTC)        NAME                              NOTHING  DETAIL",
            "2026-11-26 07:10  acme/a-long-name-of-a-repository           it was denied, since nobody may do that",
            "never             acme/b",
        ],
        Table.Write(Headings, Rows, int.MaxValue, isTerminal: false));

    [Fact]
    public void On_a_terminal_sentences_are_broken_between_words_and_names_never() => Assert.Equal(
        [
            "TIME (UTC)        NAME                              DETAIL",
            "2026-11-26 07:10  acme/a-long-name-of-a-repository  it was denied, since nobody",
            "                                                    may do that",
            "never             acme/b",
        ],
        Table.Write(Headings, Rows, 80, isTerminal: true));

    [Fact]
    public void On_a_narrow_terminal_the_last_columns_go_below_the_first_ones() => Assert.Equal(
        [
            "TIME (UTC)        NAME",
            "    DETAIL",
            "2026-11-26 07:10  acme/a-long-name-of-a-repository",
            "    it was denied, since nobody may do that",
            "never             acme/b",
        ],
        Table.Write(Headings, Rows, 60, isTerminal: true));

    [Fact]
    public void A_licence_is_cut_on_a_terminal_alone()
    {
        string[][] rows = [["a", "MIT", "/a"], ["b", new string('x', 5000), "/b"]];
        Assert.Equal(
            [
                $"NAME  {"LICENSE",-40}  PATH", $"a     {"MIT",-40}  /a", $"b     {new string('x', 39)}…  /b",
            ],
            Table.Write(["NAME", "LICENSE", "PATH"], rows, 160, isTerminal: true));
        Assert.Contains(
            rows[1][1], Table.Write(["NAME", "LICENSE", "PATH"], rows, int.MaxValue, isTerminal: false).Last());
    }

    [Fact]
    public void A_word_that_is_longer_than_its_column_stays_whole() => Assert.Equal(
        ["NAME  DETAIL", "a     sha256:0123456789ab0123456789ab", "      is not there"],
        Table.Write(["NAME", "DETAIL"], [["a", "sha256:0123456789ab0123456789ab is not there"]], 25, isTerminal: true));
}
