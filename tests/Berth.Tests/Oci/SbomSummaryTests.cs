using System.Text;
using Berth.Oci;

namespace Berth.Tests.Oci;

/// <summary>Bills of materials in short, however they are wrapped.</summary>
public class SbomSummaryTests
{
    private const string Spdx = """{"spdxVersion":"SPDX-2.3","packages":[{"name":"bash","versionInfo":"5.2"}]}""";

    [Theory]
    [InlineData("{0}")]
    [InlineData("{{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{0}}}")]
    public void A_bill_is_read_bare_in_a_statement_in_an_envelope_and_in_a_bundle(string form)
    {
        var bare = string.Format(null, form, Spdx);
        var envelope = $$"""{"payload":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(bare))}}"}""";
        foreach (var json in new[] { bare, envelope, $$"""{"dsseEnvelope":{{envelope}}}""" })
        {
            var found = SbomSummary.Read(Encoding.UTF8.GetBytes(json));
            Assert.Equal(("SPDX-2.3", 1), (found?.Format, found?.Packages));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"payload\":\"!\"}")]
    [InlineData("{\"payload\":\"e30=\"}")]
    public void What_is_none_is_not_read(string json) =>
        Assert.Null(SbomSummary.Read(Encoding.UTF8.GetBytes(json)));
}
