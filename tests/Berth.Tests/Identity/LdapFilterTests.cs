using System.Formats.Asn1;
using Berth.Settings;

namespace Berth.Tests.Identity;

public sealed class LdapFilterTests
{
    /// <summary>The binary form by RFC 4511, section 4.5.1.7.</summary>
    [Theory]
    [InlineData("(a=b)", "A3060401610401 62")]
    [InlineData("(a>=b)", "A5060401610401 62")]
    [InlineData("(a<=b)", "A6060401610401 62")]
    [InlineData("(a~=b)", "A8060401610401 62")]
    [InlineData("(a=)", "A3050401610400")]
    [InlineData("(a=*)", "870161")]
    [InlineData("(a=b*)", "A4080401613003 800162")]
    [InlineData("(a=*b*)", "A4080401613003 810162")]
    [InlineData("(a=*b)", "A4080401613003 820162")]
    [InlineData("(a=b*c*d)", "A40E0401613009 800162 810163 820164")]
    [InlineData("(!(a=*))", "A203 870161")]
    [InlineData("(&(a=*)(b=*))", "A006 870161 870162")]
    [InlineData("(|(a=*)(b=*))", "A106 870161 870162")]
    [InlineData("(a:=b)", "A906 820161 830162")]
    [InlineData("(a:1.2:=b)", "A90B 8103312E32 820161 830162")]
    [InlineData("(a:dn:1.2:=b)", "A90E 8103312E32 820161 830162 8401FF")]
    [InlineData("(:1.2:=b)", "A908 8103312E32 830162")]
    [InlineData(@"(a=\28\2a\29\5c\00)", "A30A 040161 0405282A295C00")]
    [InlineData("(a=ä)", "A307 040161 0402C3A4")]
    [InlineData("(a={x})", "A308 040161 04037B787D")]
    public void A_filter_has_its_binary_form(string text, string hex) => AssertForm(hex, LdapFilter.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("a=b")]
    [InlineData("(a=b")]
    [InlineData("(a=b))")]
    [InlineData("(a=b)(c=d)")]
    [InlineData("()")]
    [InlineData("(a)")]
    [InlineData("(=b)")]
    [InlineData("(&)")]
    [InlineData("(!)")]
    [InlineData("(!(a=b)(c=d))")]
    [InlineData("(&(a=b)c=d)")]
    [InlineData("(a b=c)")]
    [InlineData("(a{user}=c)")]
    [InlineData("(a=b(c)")]
    [InlineData(@"(a=\)")]
    [InlineData(@"(a=\2)")]
    [InlineData(@"(a=\zz)")]
    [InlineData("(:=b)")]
    [InlineData("(a:1:2:=b)")]
    [InlineData("(a: )")]
    public void What_is_not_a_filter_is_refused(string text) =>
        Assert.Throws<FormatException>(() => LdapFilter.Parse(text));

    [Fact]
    public void A_filter_is_not_nested_without_end() => Assert.Throws<FormatException>(() =>
        LdapFilter.Parse(string.Concat(Enumerable.Repeat("(!", 100_000))));

    [Theory]
    [InlineData("*", "2A")]
    [InlineData(")(a=*", "2928613D2A")]
    [InlineData("\0", "00")]
    [InlineData(@"\2a", "5C3261")]
    [InlineData("{dn}", "7B646E7D")]
    [InlineData("é", "C3A9")]
    public void A_value_stays_a_value(string user, string hex)
    {
        var length = hex.Length / 2;
        var filter = LdapFilter.Parse("(a={user})").With(new LdapFilterValues(user, "cn=x"));
        AssertForm($"A3{length + 5:X2} 040161 04{length:X2}{hex}", filter);
    }

    [Fact]
    public void Values_take_their_places_wherever_they_stand()
    {
        var values = new LdapFilterValues("u", "d");
        AssertForm(
            "A023 A108 A306 040161 040175 A409 040162 3004 80027864 A20C A90A 8103312E32 8303782F64",
            LdapFilter.Parse("(&(|(a={user}))(b=x{dn}*)(!(:1.2:=x/{dn})))").With(values));
    }

    private static void AssertForm(string hex, LdapFilter filter)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        filter.Write(writer);
        Assert.Equal(hex.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(writer.Encode()));
    }
}
