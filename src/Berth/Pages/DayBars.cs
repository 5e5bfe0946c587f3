using System.Globalization;
using System.Text;
using Berth.Api;
using Microsoft.AspNetCore.Html;

namespace Berth.Pages;

/// <summary>A bar for each day, as a drawing without scripts or styles of its own.</summary>
internal static class DayBars
{
    private const int Height = 56;
    private const int Step = 10;
    private const int Width = 7;

    public static HtmlString Of(IReadOnlyList<DayView> days, string label)
    {
        var most = Math.Max(1, days.Max(day => day.Pulls));
        var svg = new StringBuilder(days.Count * 80);
        svg.Append(CultureInfo.InvariantCulture, $"<svg class=\"bars\" viewBox=\"0 0 {days.Count * Step} {Height}\" ")
            .Append("preserveAspectRatio=\"none\" role=\"img\" aria-label=\"")
            .Append(PageEncoder.Only.Encode(label)).Append("\">");
        for (var i = 0; i < days.Count; i++)
        {
            // A day without pulls is a thin line, so that one sees the days.
            var height = days[i].Pulls == 0 ? 1 : Math.Max(3, (int)((Height - 2) * days[i].Pulls / most));
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<rect x=\"{i * Step}\" y=\"{Height - height}\" width=\"{Width}\" height=\"{height}\" rx=\"1\" ")
                .Append(CultureInfo.InvariantCulture, $"fill=\"currentColor\"><title>{days[i].Day}: {days[i].Pulls}")
                .Append("</title></rect>");
        }

        return new HtmlString(svg.Append("</svg>").ToString());
    }
}
