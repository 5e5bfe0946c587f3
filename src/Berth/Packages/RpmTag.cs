namespace Berth.Packages;

/// <summary>The fields of a header that are asked for.</summary>
internal enum RpmTag
{
    Name = 1000,
    Version = 1001,
    Release = 1002,
    Epoch = 1003,
    Vendor = 1011,
    License = 1014,
    Architecture = 1022,
    SourceRpm = 1044,
    DirectoryIndexes = 1116,
    BaseNames = 1117,
    DirectoryNames = 1118,
    Modularity = 5096,
}
