using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Who is meant by an identity, and how certificates name people.</summary>
public sealed class KeylessIdentityTests
{
    private const string Issuer = "https://token.forge.example";

    [Theory]
    [InlineData("https://forge/acme/app@refs/heads/main", "https://forge/acme/app@refs/heads/main", true)]
    [InlineData("https://forge/acme/app@refs/heads/main", "https://forge/acme/app@refs/heads/main2", false)]
    [InlineData("https://forge/acme/*@refs/heads/main", "https://forge/acme/app@refs/heads/main", true)]
    [InlineData("https://forge/acme/*@refs/heads/main", "https://forge/acme/a/b@refs/heads/main", false)]
    [InlineData("https://forge/acme/**", "https://forge/acme/a/b@refs/heads/main", true)]
    [InlineData("https://forge/acme/**", "https://forge.example/acme-evil/a", false)]
    [InlineData("*@example.com", "user@example.com", true)]
    [InlineData("*@example.com", "user@example.com.evil.example", false)]
    [InlineData("user@example.com", "User@example.com", false)]
    [InlineData("user@example.com", "userXexample.com", false)]
    public void An_identity_matches_whole_names(string pattern, string subject, bool isMatch) =>
        Assert.Equal(isMatch, KeylessIdentity.Parse(Issuer, pattern).Matches(Issuer, subject));

    [Fact]
    public void Who_vouches_must_be_the_same() =>
        Assert.False(KeylessIdentity.Parse(Issuer, "a@b.example").Matches(Issuer + "/", "a@b.example"));

    [Theory]
    [InlineData("", "a@b.example", "1 to 1000 characters")]
    [InlineData(Issuer, "", "1 to 1000 characters")]
    [InlineData("https://*", "a@b.example", "an issuer can't have wildcards")]
    [InlineData(Issuer, "*", "match everybody")]
    [InlineData(Issuer, "**", "match everybody")]
    public void An_identity_that_means_nobody_or_everybody_is_refused(string issuer, string subject, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => KeylessIdentity.Parse(issuer, subject)).Message);

    [Fact]
    public void A_person_is_named_by_an_address()
    {
        using var certificate = new LittleSigstore().Certify(
            new LittleIdentity { Names = TestCertificate.Email("user@example.com") });
        Assert.Equal("user@example.com", FulcioCertificate.Read(certificate).Subject);
    }

    [Fact]
    public void A_user_is_named_by_a_name_of_its_own_kind()
    {
        using var certificate = new LittleSigstore().Certify(
            new LittleIdentity { Names = TestCertificate.UserName("1.3.6.1.4.1.57264.1.7", "user!example.com") });
        Assert.Equal("user!example.com", FulcioCertificate.Read(certificate).Subject);
    }

    [Theory]
    [InlineData("1.3.6.1.4.1.311.20.2.3", "the certificate's name is unknown")]
    [InlineData(null, "the certificate's name is of a kind that Fulcio has not")]
    public void Names_of_other_kinds_are_refused(string? kind, string reason)
    {
        using var certificate = new LittleSigstore().Certify(new LittleIdentity
        {
            Names = kind is null ? TestCertificate.Host("host.example") : TestCertificate.UserName(kind, "user"),
        });
        Assert.Equal(
            reason, Assert.Throws<FormatException>(() => FulcioCertificate.Read(certificate)).Message);
    }
}
