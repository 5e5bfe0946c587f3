using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Berth.Blobs;

namespace Berth.Contents;

/// <summary>What a model says of itself, by names that people know.</summary>
/// <param name="Facts">Empty if it is no model in ONNX.</param>
/// <param name="IsComplete">Whether nothing was left out because it is too far inside.</param>
internal sealed record OnnxFacts(IReadOnlyList<(string Name, string Value)> Facts, bool IsComplete);

/// <summary>
/// Reads what a model in ONNX says of itself (onnx.proto). A model is one message of protobuf with its weights within,
/// so this reads small parts of the file and passes over what is large. The number of reads is limited.
/// </summary>
internal sealed class OnnxReader(BlobContent content, CancellationToken cancellation)
{
    private const int MaxReads = 16;
    private const int ReadBytes = 32 * 1024;
    private const int MaxTextBytes = 300;
    private const int MaxValueBytes = 8 * 1024;
    private const int MaxValues = 32;

    /// <summary>A tag and a length, each of ten bytes at most.</summary>
    private const int HeadBytes = 20;

    /// <summary>By their numbers.</summary>
    private static readonly string[] Elements =
    [
        "tensor", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double",
        "uint32", "uint64", "complex64", "complex128", "bfloat16",
    ];

    private readonly List<string> opsets = [];
    private readonly List<string> inputs = [];
    private readonly List<string> outputs = [];
    private byte[] window = [];
    private long windowStart;
    private int reads;
    private bool isComplete = true;

    public async Task<OnnxFacts> RunAsync()
    {
        string? version = null, producer = null, producerVersion = null, domain = null, modelVersion = null;
        (long Start, long End)? graph = null;
        for (long at = 0; await NextAsync(at, content.Length) is { } field; at = field.End)
        {
            switch (field.Number)
            {
                case 1: version = Number(field); break;
                case 2: producer = await TextAsync(field); break;
                case 3: producerVersion = await TextAsync(field); break;
                case 4: domain = await TextAsync(field); break;
                case 5: modelVersion = Number(field); break;
                case 7 when field.IsBytes: graph = (field.Start, field.End); break;
                case 8 when opsets.Count < MaxValues: opsets.Add(OpsetOf(await BytesAsync(field))); break;
            }
        }

        if (version is null || graph is not var (start, end)) return new OnnxFacts([], isComplete);
        var name = await ReadGraphAsync(start, end);
        (string Name, string? Value)[] facts =
        [
            ("format", "ONNX"), ("IR version", version), ("opset", Join(opsets)),
            ("producer", Join(new[] { producer, producerVersion }.OfType<string>(), " ")), ("domain", domain),
            ("model version", modelVersion is "0" ? null : modelVersion), ("graph", name), ("inputs", Join(inputs)),
            ("outputs", Join(outputs)),
        ];
        return new OnnxFacts(
            [.. facts.Where(one => !string.IsNullOrEmpty(one.Value)).Select(one => (one.Name, one.Value!))],
            isComplete);
    }

    private static string Join(IEnumerable<string> texts, string between = ", ") => string.Join(between, texts);

    private async ValueTask<string?> ReadGraphAsync(long start, long end)
    {
        string? name = null;
        for (var at = start; await NextAsync(at, end) is { } field; at = field.End)
        {
            if (field.Number == 2) name = await TextAsync(field);
            else if (field.Number == 11 && inputs.Count < MaxValues) inputs.Add(ValueOf(await BytesAsync(field)));
            else if (field.Number == 12 && outputs.Count < MaxValues) outputs.Add(ValueOf(await BytesAsync(field)));
        }

        return name;
    }

    /// <summary>The field at a place; null at the end, and if what is there is none, or may not be read any more.
    /// </summary>
    private async ValueTask<Place?> NextAsync(long at, long end)
    {
        if (at >= end) return null;
        var head = await ReadAsync(at, (int)Math.Min(HeadBytes, end - at));
        if (!ProtobufField.TryReadHead(head.Span, out var number, out var kind, out var value, out var length))
            return null;
        var start = at + length;
        if (kind == WireKind.Number) return new Place(number, IsBytes: false, value, start, start);
        return value > (ulong)(end - start) ? null
            : new Place(number, IsBytes: true, value, start, start + (long)value);
    }

    private static string? Number(Place field) =>
        field.IsBytes ? null : ((long)field.Value).ToString(CultureInfo.InvariantCulture);

    private async ValueTask<string?> TextAsync(Place field) =>
        field.IsBytes ? ProtobufField.TextOf((await BytesAsync(field, MaxTextBytes)).Span) : null;

    private async ValueTask<ReadOnlyMemory<byte>> BytesAsync(Place field, int most = MaxValueBytes) =>
        field.IsBytes ? await ReadAsync(field.Start, (int)Math.Min(most, field.End - field.Start)) : default;

    /// <summary>A part of the file; empty if it may not be read any more.</summary>
    private async ValueTask<ReadOnlyMemory<byte>> ReadAsync(long offset, int count)
    {
        if (count == 0) return default;
        if (offset < windowStart || offset + count > windowStart + window.Length)
        {
            if (reads++ == MaxReads)
            {
                isComplete = false;
                return default;
            }

            if (!isComplete) return default;
            (window, windowStart) = (await LoadAsync(offset), offset);
        }

        return window.AsMemory((int)(offset - windowStart), count);
    }

    private async Task<byte[]> LoadAsync(long offset)
    {
        var count = (int)Math.Min(ReadBytes, content.Length - offset);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        try
        {
            await content.CopyToAsync(pipe.Writer, offset, count, cancellation);
            await pipe.Writer.CompleteAsync();
            return (await pipe.Reader.ReadAtLeastAsync(count, cancellation)).Buffer.ToArray();
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
        }
    }

    /// <summary>An operator set: its domain, if it is not the usual one, and its version.</summary>
    private static string OpsetOf(ReadOnlyMemory<byte> bytes)
    {
        var (domain, version) = ("", 0UL);
        var rest = bytes.Span;
        while (ProtobufField.TryRead(ref rest, out var field))
        {
            if (field.Number == 1) domain = ProtobufField.TextOf(field.Bytes);
            else if (field.Number == 2) version = field.Value;
        }

        return domain is "" or "ai.onnx" ? $"{version}" : $"{domain} {version}";
    }

    /// <summary>An input or an output: its name, and the type and shape of its tensor.</summary>
    private static string ValueOf(ReadOnlyMemory<byte> bytes)
    {
        var (name, type) = ("", "");
        var rest = bytes.Span;
        while (ProtobufField.TryRead(ref rest, out var field))
        {
            if (field.Number == 1) name = ProtobufField.TextOf(field.Bytes);
            else if (field.Number == 2) type = TypeOf(field.Bytes);
        }

        return type.Length == 0 ? name : $"{name} {type}";
    }

    private static string TypeOf(ReadOnlySpan<byte> type)
    {
        // Of sequences, maps and the like the name alone tells.
        while (ProtobufField.TryRead(ref type, out var kind))
        {
            if (kind.Number != 1) continue;
            var (element, shape) = (0UL, "");
            var tensor = kind.Bytes;
            while (ProtobufField.TryRead(ref tensor, out var field))
            {
                if (field.Number == 1) element = field.Value;
                else if (field.Number == 2) shape = ShapeOf(field.Bytes);
            }

            return ElementOf(element) + shape;
        }

        return "";
    }

    private static string ShapeOf(ReadOnlySpan<byte> shape)
    {
        var sizes = new List<string>();
        while (sizes.Count < MaxValues && ProtobufField.TryRead(ref shape, out var dimension))
        {
            var size = "?";
            var rest = dimension.Bytes;
            while (ProtobufField.TryRead(ref rest, out var field))
            {
                if (field.Number == 1) size = $"{(long)field.Value}";
                else if (field.Number == 2) size = ProtobufField.TextOf(field.Bytes);
            }

            sizes.Add(size);
        }

        return $"[{string.Join(',', sizes)}]";
    }

    private static string ElementOf(ulong type) =>
        type < (ulong)Elements.Length ? Elements[type] : "tensor";

    /// <summary>Where a field of the file is.</summary>
    private readonly record struct Place(int Number, bool IsBytes, ulong Value, long Start, long End);
}
