using Berth.Identity;

namespace Berth.Tests.Identity;

public sealed class LdapNameTests
{
    [Theory]
    [InlineData("cn=developers,ou=groups,dc=example", "developers")]
    [InlineData("CN = developers , ou=groups", "developers")]
    [InlineData("cn=developers", "developers")]
    [InlineData(@"cn=R&D\, K\C3\B6ln,ou=groups", "R&D, Köln")]
    [InlineData("cn=Köln,ou=groups", "Köln")]
    [InlineData(@"cn=a\+b\\\,c\=d,ou=groups", @"a+b\,c=d")]
    [InlineData(@"cn=\ a\ ,ou=groups", " a ")]
    [InlineData(@"cn=a\\ ,ou=groups", @"a\")]
    [InlineData("sn=x+cn=y,ou=groups", "y")]
    [InlineData(@"sn=x\+cn\=y,ou=groups", null)]
    [InlineData("ou=groups,cn=developers", null)]
    [InlineData("cn=#0403414243,ou=groups", null)]
    [InlineData(@"cn=a\", "a")]
    [InlineData("", null)]
    [InlineData("cn", null)]
    public void The_value_of_the_first_part_is_read_without_its_escapes(string dn, string? value) =>
        Assert.Equal(value, LdapName.FirstValue(dn, "cn"));
}
