using System.Net;

namespace Berth.Tests.Cluster;

/// <summary>
/// What a good client does if one of several nodes is down: it retries the request. It follows redirects to blobs. If a
/// chunk arrived but its answer was lost, the range in the refusal of the retry says so (distribution-spec, "Pushing a
/// blob in chunks").
/// </summary>
internal sealed class RetryingHandler() : DelegatingHandler(
    new SocketsHttpHandler { AllowAutoRedirect = true, UseCookies = false, UseProxy = false })
{
    private const int MaxTries = 40;

    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(250);

    private int retried;

    /// <summary>How many requests were sent again.</summary>
    public int Retried => retried;

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                var answer = await base.SendAsync(request, cancellationToken);
                await answer.Content.LoadIntoBufferAsync(cancellationToken);
                if (tries > 1 && HasArrived(request, answer)) answer.StatusCode = HttpStatusCode.Accepted;
                if (tries == MaxTries || !IsPassing(answer.StatusCode)) return answer;
                answer.Dispose();
            }
            catch (HttpRequestException) when (tries < MaxTries)
            {
                // The node died, or the proxy found none.
            }

            Interlocked.Increment(ref retried);
            await Task.Delay(Rest, cancellationToken);
        }
    }

    private static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.BadGateway
        or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or HttpStatusCode.TooManyRequests;

    private static bool HasArrived(HttpRequestMessage request, HttpResponseMessage answer) =>
        answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable
        && request.Content?.Headers.TryGetValues("Content-Range", out var sent) == true
        && answer.Headers.TryGetValues("Range", out var range)
        && sent.Single().Split('-')[1] == range.Single().Split('-')[1];
}
