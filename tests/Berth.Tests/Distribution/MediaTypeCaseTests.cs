using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Berth.Tests.Distribution;

public sealed class MediaTypeCaseTests
{
    [Fact]
    public async Task A_known_type_is_checked_whatever_its_case()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"schemaVersion":2,"manifests":7}"""));
        body.Headers.ContentType = MediaTypeHeaderValue.Parse("application/vnd.OCI.image.index.v1+JSON");
        using var response = await registry.Client.PutAsync(
            new Uri("v2/a/manifests/x", UriKind.Relative), body, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }
}
