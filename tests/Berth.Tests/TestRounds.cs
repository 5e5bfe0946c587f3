namespace Berth.Tests;

/// <summary>
/// How long tests run that find more the longer they run: kills, power cuts, floods. <c>BERTH_TEST_LONG=1</c>, set
/// before a release, runs all of it.
/// </summary>
internal static class TestRounds
{
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("BERTH_TEST_LONG") == "1";

    /// <summary>One of two numbers of rounds.</summary>
    public static int Of(int usual, int all) => IsLong ? all : usual;

    /// <summary>One of two lengths of time.</summary>
    public static TimeSpan Of(TimeSpan usual, TimeSpan all) => IsLong ? all : usual;
}
