using Berth.Sbom;

namespace Berth.Tests.Sbom;

/// <summary>Expressions of licences are fine if enough of their licences are.</summary>
public sealed class LicenseTermsTests
{
    [Theory]
    [InlineData("A", true)]
    [InlineData("X", false)]
    [InlineData("A OR X", true)]
    [InlineData("X OR A", true)]
    [InlineData("X OR X", false)]
    [InlineData("A AND X", false)]
    [InlineData("A AND B", true)]
    [InlineData("A OR B AND X", true)]
    [InlineData("X AND A OR B", true)]
    [InlineData("X AND (A OR B)", false)]
    [InlineData("(A OR X) AND (X OR B)", true)]
    [InlineData("A WITH X", true)]
    [InlineData("X WITH A", false)]
    [InlineData("A WITH X AND B", true)]
    [InlineData("", null)]
    [InlineData("A OR", null)]
    [InlineData("AND A", null)]
    [InlineData("(A", null)]
    [InlineData("A)", null)]
    [InlineData("A B", null)]
    [InlineData("A WITH", null)]
    public void Of_those_with_or_one_has_to_be_and_of_those_with_and_each(string expression, bool? expected) =>
        Assert.Equal(expected, LicenseTerms.Ask(expression, one => one is "A" or "B"));

    [Fact]
    public void Parentheses_without_end_are_no_expression() =>
        Assert.Null(LicenseTerms.Ask(new string('(', 100_000), _ => true));
}
