namespace Berth.Tests.Distribution;

/// <summary>Requests that violate HTTP, and get the error code of what they asked for.</summary>
public sealed class MalformedRequestTests
{
    [Theory]
    [InlineData("PUT /v2/a/manifests/latest", "MANIFEST_INVALID")]
    [InlineData("PUT /v2/a%2Fb/manifests/latest", "MANIFEST_INVALID")]
    [InlineData("PATCH {upload}", "BLOB_UPLOAD_INVALID")]
    [InlineData("PUT {upload}?digest={digest}", "BLOB_UPLOAD_INVALID")]
    [InlineData("POST /v2/a/blobs/uploads/?digest={digest}", "BLOB_UPLOAD_INVALID")]
    public async Task A_body_that_cannot_be_read_has_the_code_of_what_was_asked(string request, string code)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync("POST /v2/a/blobs/uploads/\n 202\n Location: {upload}");
        request = request.Replace("{digest}", script.Filled("{sha256 abcd}"), StringComparison.Ordinal)
            .Replace("{upload}", script["upload"], StringComparison.Ordinal);
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"{request} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nrubbish\r\n");
        var answer = await connection.ReadAnswerAsync();
        Assert.Equal(400, answer.Status);
        Assert.Contains($"\"code\":\"{code}\"", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }
}
