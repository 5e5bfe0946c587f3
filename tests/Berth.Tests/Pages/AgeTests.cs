using Berth.Pages;

namespace Berth.Tests.Pages;

/// <summary>How long ago something was.</summary>
public sealed class AgeTests
{
    [Theory]
    [InlineData(5, "just now")]
    [InlineData(3 * 86400, "3 days ago")]
    [InlineData(200 * 86400, "7 months ago")]
    [InlineData(700 * 86400, "1.9 years ago")]
    [InlineData(986 * 86400, "2.7 years ago")]
    [InlineData(1096 * 86400, "3 years ago")]
    [InlineData(12 * 365.25 * 86400, "12 years ago")]
    [InlineData(-400 * 86400, "in 13 months")]
    public void An_age_is_rounded_to_what_people_say(double seconds, string shown) =>
        Assert.Equal(shown, English.Only.Ago(TimeSpan.FromSeconds(seconds)));
}
