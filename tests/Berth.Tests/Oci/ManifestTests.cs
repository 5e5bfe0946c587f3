using System.Text;
using Berth.Oci;
using Berth.Tests.Distribution;

namespace Berth.Tests.Oci;

/// <summary>What is read from a manifest, and what is ignored.</summary>
public class ManifestTests
{
    private const string Unknown = "application/vnd.example.thing+json";

    [Fact]
    public void A_field_of_the_wrong_kind_is_skipped_with_all_that_is_in_it()
    {
        var manifest = Parse(
            Unknown,
            $$"""
            {"artifactType":{"subject":{{Images.LayerDescriptor}}},"annotations":[{"a":"b"}],
            "layers":{"config":{{Images.LayerDescriptor}}},"config":{{Images.ConfigDescriptor}},
            "blobs":[{"mediaType":{"a":["b"]},{{Images.LayerDescriptor[1..]}}]}
            """);
        Assert.Equal([ReferenceKind.Config, ReferenceKind.Layer], Described(manifest).Select(r => r.Kind));
        Assert.Equal((null, null), (manifest.Subject, manifest.ArtifactType));
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("[{}]")]
    [InlineData("{\"artifactType\":\"\\ud800\"}")]
    public void Nothing_is_read_from_a_body_of_an_unknown_type_that_is_no_valid_JSON_object(string body)
    {
        var manifest = Parse(Unknown, body);
        Assert.Equal((Unknown, null, null), (manifest.MediaType, manifest.ArtifactType, manifest.AnnotationsJson));
        Assert.Empty(manifest.References);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData(MediaTypes.OctetStream)]
    public void An_object_that_does_not_look_like_a_manifest_keeps_the_type_it_was_sent_with(string type) =>
        Assert.Equal(type, Parse(type, """{"schemaVersion":2}""").MediaType);

    [Fact]
    public void An_images_references_are_its_config_its_layers_and_its_subject()
    {
        var manifest = Parse(
            MediaTypes.OciManifest, Images.Oci($",\"subject\":{Images.LayerDescriptor},\"annotations\":{{}}"));
        Assert.Equal(
            [ReferenceKind.Config, ReferenceKind.Layer, ReferenceKind.Subject],
            Described(manifest).Select(r => r.Kind));
        Assert.Null(manifest.AnnotationsJson);
    }

    [Fact]
    public void Urls_may_come_before_the_digest()
    {
        var layer = $$"""{"urls":["https://a.example",7,["b"]],{{Images.LayerDescriptor[1..]}}""";
        var found = Described(Parse(Unknown, $$"""{"layers":[{{layer}},{{layer}}]}""")).ToList();
        Assert.Equal([5, 5], found.Select(r => r.Target.SizeBytes));
        Assert.All(found, r => Assert.Equal(["https://a.example"], r.Target.Urls));
    }

    [Fact]
    public void What_is_in_an_annotation_of_a_descriptor_is_none_of_its_fields()
    {
        var blob = $$"""{"annotations":{"size":9,"mediaType":"a/b"},{{Images.LayerDescriptor[1..]}}""";
        var found = Parse(MediaTypes.OciArtifact, $$"""{"blobs":[{{blob}},{{blob}}]}""").References;
        Assert.Equal([5, 5], found.Select(r => r.Target.SizeBytes));
        Assert.DoesNotContain(found, r => r.Target.MediaType == "a/b");
    }

    [Fact]
    public void What_is_no_descriptor_is_skipped_in_a_manifest_of_an_unknown_type()
    {
        foreach (var other in new[] { $"[{Images.ConfigDescriptor}]", "7", "null", "{}" })
        {
            var layers = $"[{other},{Images.LayerDescriptor},{other}]";
            var manifest = Parse(Unknown, $$"""{"layers":{{layers}},"blobs":[]}""");
            Assert.Equal([5], Described(manifest).Select(r => r.Target.SizeBytes));
        }
    }

    [Fact]
    public void An_artifact_type_with_control_characters_does_not_count_in_a_manifest_of_an_unknown_type() =>
        Assert.Null(Parse(Unknown, """{"artifactType":"a/b\u0000"}""").ArtifactType);

    [Theory]
    [InlineData("\"5\"")]
    [InlineData("{\"size\":5}")]
    [InlineData("5.5")]
    [InlineData("-1")]
    [InlineData("null")]
    public void A_descriptor_without_a_size_is_skipped_in_a_manifest_of_an_unknown_type(string size)
    {
        var layer = $$"""{"digest":"{{Digest.Of(DigestAlgorithm.Sha256, [])}}","size":{{size}}}""";
        var manifest = Parse(Unknown, $$"""{"layers":[{{layer}},{{Images.LayerDescriptor}}]}""");
        Assert.Equal([5], Described(manifest).Select(r => r.Target.SizeBytes));
        var image = Images.Oci($",\"subject\":{layer}");
        Assert.Throws<ManifestFormatException>(() => Parse(MediaTypes.OciManifest, image));
    }

    [Fact]
    public void The_blobs_of_an_artifact_are_its_layers()
    {
        var manifest = Parse(MediaTypes.OciArtifact, $$"""{"blobs":[{{Images.LayerDescriptor}}]}""");
        Assert.Equal([ReferenceKind.Layer], Described(manifest).Select(r => r.Kind));
    }

    /// <summary>What descriptors refer to, without what is only named somewhere.</summary>
    private static IEnumerable<ManifestReference> Described(Manifest manifest) =>
        manifest.References.Where(r => r.Kind != ReferenceKind.Mention);

    private static Manifest Parse(string mediaType, string body) =>
        Manifest.Parse(Encoding.UTF8.GetBytes(body), mediaType);
}
