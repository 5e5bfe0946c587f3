namespace Berth.Vulnerabilities;

/// <summary>How statements are kept in a VulnerabilityFile. What changes here needs another VulnerabilityFile.Form.
/// </summary>
internal static class VexBytes
{
    public static byte[] Write(VexStatement statement) => OsvBytes.Write(writer =>
    {
        writer.Write(statement.Vulnerability);
        writer.Write((byte)statement.Status);
        OsvBytes.Write(writer, statement.Aliases, writer.Write);
        OsvBytes.Write(writer, statement.Products, product =>
        {
            Write(writer, product.Product);
            OsvBytes.Write(writer, product.Subcomponents, part => Write(writer, part));
        });
        writer.Write(statement.Justification ?? "");
        writer.Write(statement.Impact ?? "");
        writer.Write(statement.Action ?? "");
        writer.Write(statement.Author ?? "");
        OsvBytes.Write(writer, statement.Timestamp);
        writer.Write(statement.Document ?? "");
    });

    public static VexStatement Read(byte[] bytes)
    {
        var reader = new BinaryReader(new MemoryStream(bytes));
        return new VexStatement(reader.ReadString(), (VexStatus)reader.ReadByte())
        {
            Aliases = OsvBytes.Read(reader, reader.ReadString),
            Products = OsvBytes.Read(reader, () => new VexProduct(
                ReadComponent(reader), OsvBytes.Read(reader, () => ReadComponent(reader)))),
            Justification = OsvBytes.ReadText(reader),
            Impact = OsvBytes.ReadText(reader),
            Action = OsvBytes.ReadText(reader),
            Author = OsvBytes.ReadText(reader),
            Timestamp = OsvBytes.ReadTime(reader),
            Document = OsvBytes.ReadText(reader),
        };
    }

    private static void Write(BinaryWriter writer, VexComponent component)
    {
        OsvBytes.Write(writer, component.Purls, writer.Write);
        OsvBytes.Write(writer, component.Digests, writer.Write);
    }

    private static VexComponent ReadComponent(BinaryReader reader) => new(
        OsvBytes.Read(reader, reader.ReadString), OsvBytes.Read(reader, reader.ReadString));
}
