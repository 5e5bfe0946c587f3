using System.Net;
using Berth.Settings;

namespace Berth.Tests.Api;

/// <summary>Limits on requests count those of the API too.</summary>
public sealed class RequestLimitTests
{
    [Fact]
    public async Task Too_many_requests_are_answered_with_how_long_to_wait()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = ApiRegistry.Auth,
            RateLimits = [new RateLimitSettings { Requests = 2, Window = TimeSpan.FromHours(1) }],
        });
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/me");
            request.Headers.Authorization = ApiRegistry.HeaderOf("admin");
            using var answer = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
            statuses.Add(answer.StatusCode);
            if (i == 2) Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalMinutes, 50, 60);
        }

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], statuses);
    }
}
