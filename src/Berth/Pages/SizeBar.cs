using System.Globalization;
using System.Text;
using Berth.Api;
using Microsoft.AspNetCore.Html;

namespace Berth.Pages;

/// <summary>
/// Layers side by side, each as wide as it is large, as a drawing without scripts or styles of its own.
/// </summary>
internal static class SizeBar
{
    private const int Width = 1000;
    private const int Height = 16;

    /// <summary>More can't be told apart.</summary>
    private const int MaxLayers = 200;

    /// <summary>Of a layer that would be too thin to be seen.</summary>
    private const double Least = 2;

    /// <param name="layers">The layers, the lowest first.</param>
    /// <param name="ofBase">How many of them are those of the base image.</param>
    /// <param name="label">What is drawn, for those who don't see it.</param>
    /// <param name="name">What is said of a layer.</param>
    public static HtmlString Of(
        IReadOnlyList<LayerView> layers, int ofBase, string label, Func<LayerView, int, string> name)
    {
        var shown = layers.Take(MaxLayers).ToList();
        var widths = WidthsOf([.. shown.Select(layer => Math.Max(0, layer.SizeBytes))]);
        var svg = new StringBuilder(shown.Count * 120);
        svg.Append(CultureInfo.InvariantCulture, $"<svg class=\"sizes\" viewBox=\"0 0 {Width} {Height}\" ")
            .Append("preserveAspectRatio=\"none\" role=\"img\" aria-label=\"")
            .Append(PageEncoder.Only.Encode(label)).Append("\">");
        var at = 0d;
        for (var i = 0; i < shown.Count; i++)
        {
            var kind = i < ofBase ? "base" : i % 2 == 0 ? "even" : "odd";
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<rect class=\"{kind}\" x=\"{at:0.##}\" y=\"0\" width=\"{widths[i]:0.##}\" height=\"{Height}\">")
                .Append("<title>").Append(PageEncoder.Only.Encode(name(shown[i], i))).Append("</title></rect>");
            at += widths[i];
        }

        return new HtmlString(svg.Append("</svg>").ToString());
    }

    private static List<double> WidthsOf(List<long> sizes)
    {
        var sum = sizes.Sum(size => (double)size);
        var widths = sizes.ConvertAll(size => sum == 0 ? 1 : Math.Max(Least, size / sum * Width));
        var all = widths.Sum();
        return widths.ConvertAll(width => width / all * Width);
    }
}
