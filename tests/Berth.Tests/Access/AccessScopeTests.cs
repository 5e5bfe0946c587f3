using Berth.Access;

namespace Berth.Tests.Access;

/// <summary>How the scope of a token is read.</summary>
public class AccessScopeTests
{
    [Theory]
    [InlineData("repository:a:pull", "repository:a:pull", "a")]
    [InlineData("repository:a/b:push,pull,push", "repository:a/b:pull,push", "a/b")]
    [InlineData("repository:a:*", "repository:a:pull,push,delete", "a")]
    [InlineData("repository(plugin):a:delete", "repository:a:delete", "a")]
    [InlineData("registry:catalog:*", "registry:catalog:*", null)]
    public void What_exists_here_can_be_granted(string text, string granted, string? repository)
    {
        var scope = AccessScope.Parse(text);
        Assert.Equal((granted, repository), (scope?.ToString(), scope?.Target?.Text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("::")]
    [InlineData("repository:a")]
    [InlineData("repository:a:")]
    [InlineData("repository:a:bake")]
    [InlineData("repository:A:pull")]
    [InlineData("repository::pull")]
    [InlineData("(repository):a:pull")]
    [InlineData("registry:catalog:pull")]
    [InlineData("registry:a:*")]
    [InlineData("repository:localhost:5000/a:pull")]
    public void What_does_not_exist_here_is_not_granted(string text) => Assert.Null(AccessScope.Parse(text));
}
