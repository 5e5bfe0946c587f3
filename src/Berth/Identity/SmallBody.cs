using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Berth.Identity;

/// <summary>Bodies that are sent at once, unlike those of uploads, for which the server waits a minute.</summary>
internal static class SmallBody
{
    /// <summary>More than a bad line needs until the first bytes of a form come.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Limits how much may be sent, and how slowly.</summary>
    public static void Limit(HttpContext http, int maxBytes)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = maxBytes;
        LimitTime(http);
    }

    /// <summary>Only how slowly. Over HTTP/2, the time is one of the whole connection.</summary>
    public static void LimitTime(HttpContext http)
    {
        if (HttpProtocol.IsHttp2(http.Request.Protocol)
            || http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is not { MinDataRate: { } rate } feature
            || rate.GracePeriod <= Patience)
        {
            return;
        }

        feature.MinDataRate = new MinDataRate(rate.BytesPerSecond, Patience);
    }
}
