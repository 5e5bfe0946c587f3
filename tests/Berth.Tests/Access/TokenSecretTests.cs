using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Tests.Access;

/// <summary>The form of secrets, by which scanners find leaked ones. It must never change.</summary>
public sealed class TokenSecretTests
{
    /// <summary>Computed by another program, as docs/accounts.md describes it.</summary>
    private const string Example = "berth_pat_ThisIsAnExampleAndNobodysToken0ktikq";

    private static readonly string Page =
        string.Join('\n', SourceTree.Files.Single(file => file.Path == "docs/accounts.md").Lines);

    [Fact]
    public void The_checksum_of_the_page_is_right_and_any_other_is_not()
    {
        Assert.Contains($"`{Example}`", Page, StringComparison.Ordinal);
        Assert.True(TokenSecret.TryParse(Example, out _));
        Assert.False(TokenSecret.TryParse(Example[..^1] + "p", out _));
        Assert.False(TokenSecret.TryParse(Example.Replace("pat", "rob"), out _));
    }

    [Theory]
    [InlineData(TokenKinds.Personal)]
    [InlineData(TokenKinds.Robot)]
    [InlineData(TokenKinds.Refresh)]
    [InlineData(TokenKinds.Invitation)]
    public void The_rule_of_the_page_finds_every_secret(string kind)
    {
        var rule = new Regex(Regex.Match(Page, "regex = \'\'\'(.*)\'\'\'").Groups[1].Value);
        var secret = TokenSecret.Make(kind).Text;
        Assert.Equal(secret, rule.Match($"password: \"{secret}\"").Value);
        Assert.DoesNotMatch(rule, $"x{secret}y");
    }
}
