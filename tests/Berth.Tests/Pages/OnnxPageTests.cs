using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Models in ONNX, whose files say themselves what they are.</summary>
[Accounts]
public sealed class OnnxPageTests : IAsyncLifetime
{
    private const string Script = "<script>alert(1)</script>";

    private RegistryFixture registry = null!;
    private ContentImages images = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        images = new ContentImages(registry);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_model_shows_what_its_file_says_before_and_behind_its_weights()
    {
        var seen = await PushAsync(Model());
        Assert.Equal("model", seen.Of("kind"));
        Assert.Equal(
            [
                "format=ONNX", "IR version=8", "opset=17, ai.onnx.ml 3", $"producer=pytorch {Script}",
                "domain=org.acme", "graph=main_graph", "inputs=image float[batch,3,224,224], mask bool[]",
                "outputs=logits float16[?,1000]",
            ],
            FactsOf(seen));
        Assert.False(seen.TryGetProperty("fault", out _));

        // Words in a file's name tell nothing.
        foreach (var name in new[] { "overwhelm.onnx", "cosign/sign.wasm.ONNX" })
            Assert.Equal((name, "model"), (name, (await PushAsync(Model(), name)).Of("kind")));
        var page = (await new PageReader(registry).GetAsync("/r/team/app:m")).Is(200);
        Assert.Contains("image float[batch,3,224,224]", page.Text);
        Assert.DoesNotContain(Script, page.Text);
    }

    [Fact]
    public async Task A_file_that_is_no_model_or_a_broken_one_says_less_and_harms_nobody()
    {
        var whole = Model();
        Assert.Empty(FactsOf(await PushAsync("no model at all"u8.ToArray())));
        Assert.Empty(FactsOf(await PushAsync([])));
        for (var length = 1; length < 400; length += 57) await PushAsync(whole[..length]);
        byte[] endless = [.. Number(1, 8), 0x3a, .. Varint(ulong.MaxValue >> 1)];
        Assert.Empty(FactsOf(await PushAsync(endless)));
        var random = new byte[5000];
        new Random(7).NextBytes(random);
        await PushAsync([.. Number(1, 8), .. random]);
    }

    /// <summary>Each weight lies beyond what was read, so that the reader has to begin anew.</summary>
    [Fact]
    public async Task A_model_with_very_many_parts_is_looked_at_in_part_and_says_so()
    {
        byte[] weight = Bytes(5, Bytes(9, new byte[33_000]));
        var graph = new List<byte>();
        for (var count = 0; count < 100; count++) graph.AddRange(weight);
        byte[] whole = Bytes(7, [.. Text(2, "g"), .. graph, .. Value(11, "x", 1)]);
        var seen = await PushAsync([.. Number(1, 8), .. whole, .. Bytes(8, Number(2, 9))]);
        Assert.Equal(["format=ONNX", "IR version=8", "opset=9", "graph=g"], FactsOf(seen));
        Assert.Contains("too many parts", seen.Of("fault"));
    }

    private static byte[] Model() =>
    [
        .. Number(1, 8), .. Text(2, "pytorch"), .. Text(3, Script), .. Text(4, "org.acme"), .. Number(5, 0),
        .. Bytes(7, [
            .. Bytes(1, Text(4, "Conv")), .. Bytes(1, Text(4, "Relu")), .. Text(2, "main_graph"),
            .. Bytes(5, Bytes(9, new byte[200_000])), .. Value(11, "image", 1, "batch", 3L, 224L, 224L),
            .. Value(11, "mask", 9), .. Value(12, "logits", 10, null, 1000L),
        ]),
        .. Bytes(8, Number(2, 17)), .. Bytes(8, [.. Text(1, "ai.onnx.ml"), .. Number(2, 3)]),
    ];

    /// <summary>An input or an output with a tensor; of a dimension without a size, nothing is said.</summary>
    private static byte[] Value(int field, string name, ulong type, params object?[] sizes) => Bytes(field, [
        .. Text(1, name),
        .. Bytes(2, Bytes(1, [
            .. Number(1, type),
            .. Bytes(2, [.. sizes.SelectMany(size => Bytes(1, size switch
            {
                long number => Number(1, (ulong)number),
                string text => Text(2, text),
                _ => [],
            }))]),
        ])),
    ]);

    private static byte[] Number(int field, ulong value) => [.. Varint((ulong)field << 3), .. Varint(value)];

    private static byte[] Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    private static byte[] Bytes(int field, byte[] bytes) =>
        [.. Varint(((ulong)field << 3) | 2), .. Varint((ulong)bytes.Length), .. bytes];

    private static byte[] Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value > 0x7f; value >>= 7) bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }

    private static IEnumerable<string> FactsOf(JsonElement artifact) =>
        artifact.GetProperty("facts").EnumerateArray().Select(one => $"{one.Of("name")}={one.Of("value")}");

    /// <summary>Pushes a model as oras does, and asks what it is.</summary>
    private async Task<JsonElement> PushAsync(byte[] model, string file = "model.onnx")
    {
        const string Type = "application/vnd.oci.image.manifest.v1+json";
        var empty = "{}"u8.ToArray();
        foreach (var blob in new[] { empty, model })
        {
            await images.SendAsync(
                "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(blob)}", blob, null, 201);
        }

        await images.PushManifestAsync("team/app", "m", Type, $$"""
            {"schemaVersion":2,"mediaType":"{{Type}}","artifactType":"application/vnd.unknown.artifact.v1",
            "config":{{ContentImages.Describe("application/vnd.oci.empty.v1+json", empty)}},
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":{{model.Length}},
            "digest":"{{ContentImages.DigestOf(model)}}",
            "annotations":{"org.opencontainers.image.title":"{{file}}"} }]}
            """);
        return await images.AskAsync("m/artifact?repository=team/app");
    }
}
