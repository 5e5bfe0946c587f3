using System.Text;
using Berth.Disk;
using Berth.Packages;

namespace Berth.Tests.Packages;

/// <summary>Reads one file as the registry does that finds it in a layer.</summary>
internal static class PackageReading
{
    private const int MaxChars = 8 << 20;

    /// <summary>Null if the path is none of a format, or the file says nothing.</summary>
    public static PackageFile? Read(string path, string text) =>
        Read(path, new MemoryStream(Encoding.UTF8.GetBytes(text)));

    public static PackageFile? Read(string path, byte[] content) => Read(path, new MemoryStream(content));

    public static PackageFile? Read(string path, Stream content)
    {
        var found = new PackageFindings(MaxChars, new Spools(Path.GetTempPath()), CancellationToken.None);
        if (FormatOf(path, content) is not { } format) return null;
        try
        {
            format.Read(content, path, found);
            return found.Take(path, fault: null);
        }
        catch (PackageFaultException e)
        {
            return found.Take(path, e.Message);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            return found.Take(path, "it is damaged");
        }
    }

    private static PackageFormat? FormatOf(string path, Stream content)
    {
        if (PackageFormat.Find(path) is { } format) return format;
        Span<byte> beginning = stackalloc byte[PackageFormat.MagicBytes];
        if (content.Length < beginning.Length) return null;
        content.ReadExactly(beginning);
        content.Position = 0;
        return PackageFormat.FindByContent(beginning);
    }
}
