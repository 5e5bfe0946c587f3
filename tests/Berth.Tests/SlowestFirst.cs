using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Berth.Tests.SlowestFirst))]

namespace Berth.Tests;

/// <summary>Marks classes that take minutes: one that began last would run alone at the end.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SlowAttribute : Attribute;

/// <summary>Begins with the classes that take longest.</summary>
public sealed class SlowestFirst : ITestCollectionOrderer
{
    private static readonly HashSet<string> Slow =
    [
        .. typeof(SlowestFirst).Assembly.GetTypes().Where(type => type.IsDefined(typeof(SlowAttribute), inherit: false))
            .Select(type => type.FullName!),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
        IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderByDescending(IsSlow).ThenBy(one => one.UniqueID, StringComparer.Ordinal)];

    /// <summary>The collection of a class by itself is called after it.</summary>
    private static bool IsSlow<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection =>
        collection.TestCollectionDisplayName.Split(' ').Any(Slow.Contains);
}
