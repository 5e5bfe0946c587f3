using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Berth.Tests.Deploy;

/// <summary>Reads YAML by paths.</summary>
internal static class YamlNodes
{
    /// <summary>The documents of a text, anchors and merges resolved.</summary>
    public static IReadOnlyList<YamlNode> Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new MergingParser(new Parser(new StringReader(text))));
        return [.. stream.Documents.Select(document => document.RootNode)];
    }

    extension(YamlNode node)
    {
        /// <summary>What lies at a path such as <c>spec.template.spec</c> or <c>containers.0</c>, or null.</summary>
        public YamlNode? At(string path)
        {
            YamlNode? at = node;
            foreach (var key in path.Split('.'))
            {
                at = at switch
                {
                    YamlMappingNode map => map.Children.TryGetValue(key, out var value) ? value : null,
                    YamlSequenceNode list when int.Parse(key) is var i && i < list.Children.Count => list.Children[i],
                    _ => null,
                };
            }

            return at;
        }

        /// <summary>The text at a path, or null when there is nothing.</summary>
        public string? Text(string path) => (node.At(path) as YamlScalarNode)?.Value;

        /// <summary>The entries of the list at a path; none when there is no list.</summary>
        public IReadOnlyList<YamlNode> List(string path) =>
            node.At(path) is YamlSequenceNode list ? [.. list.Children] : [];

        /// <summary>Names and texts of the mapping at a path; none when there is no mapping.</summary>
        public IReadOnlyDictionary<string, string> Map(string path) => node.At(path) is YamlMappingNode map
            ? map.Children.ToDictionary(e => ((YamlScalarNode)e.Key).Value!, e => ((e.Value as YamlScalarNode)?.Value)!)
            : new Dictionary<string, string>();
    }
}
