using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class SettingsFuzzTests : IDisposable
{
    private static readonly string[] Fragments =
    [
        ":", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "|", ">", "!!binary ", "? ", "\n", "\t", "---\n", "...\n",
        "%YAML 1.1\n", "'", "\"", "\\x", "null", "~", "99999999999999999999", "-1", "\u0000", "\uFEFF", "http:", ",",
    ];

    private readonly SettingsFolder _folder = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_bytes_are_faults_or_settings_and_never_a_crash(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 500; round++)
        {
            var bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            var path = Path.Combine(_folder.Path, "random.yml");
            File.WriteAllBytes(path, bytes);
            AssertAnswers(SettingsFile.Load(path, new Dictionary<string, string>()));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_damaged_file_is_faults_or_settings_and_never_a_crash(int seed)
    {
        var random = new Random(seed);
        var golden = Path.Combine(SettingsFolder.Repository(), "tests", "Berth.Tests", "Settings", "Golden");
        var whole = File.ReadAllText(Path.Combine(golden, "faults.yml"));
        for (var round = 0; round < 500; round++)
        {
            var text = whole;
            for (var damage = random.Next(1, 6); damage > 0; damage--) text = Damage(text, random);
            AssertAnswers(_folder.Load(text));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_damaged_environment_is_faults_or_settings_and_never_a_crash(int seed)
    {
        var random = new Random(seed);
        var keys = SettingsKey.All.Select(key => key.Variable).ToArray();
        for (var round = 0; round < 500; round++)
        {
            var variables = Enumerable.Range(0, random.Next(1, 5))
                .Select(_ => (Name: keys[random.Next(keys.Length)] + Suffix(random), Value: Damage("x", random)))
                .DistinctBy(variable => variable.Name)
                .Select(variable => $"{variable.Name}={variable.Value}");
            AssertAnswers(SettingsFolder.LoadVariables([.. variables]));
        }
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    public void A_file_nested_a_hundred_thousand_deep_is_a_fault(string level)
    {
        var text = string.Concat(Enumerable.Repeat(level, 100_000));
        Assert.NotEmpty(_folder.Load(text).Faults);
        Assert.NotEmpty(SettingsFolder.LoadVariables($"REGISTRY_HTTP={text}").Faults);
    }

    [Fact]
    public void Exponentially_growing_aliases_are_a_fault()
    {
        var lines = Enumerable.Range(1, 30).Select(i => $"k{i}: &a{i} [*a{i - 1}, *a{i - 1}]");
        var result = _folder.Load("k0: &a0 [x]\n" + string.Join('\n', lines));
        Assert.Contains("more than", Assert.Single(result.Faults).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertAnswers(SettingsResult result)
    {
        var hasError = result.Faults.Any(fault => fault.Severity == Severity.Error);
        Assert.Equal(hasError, result.Settings is null);
    }

    private static string Suffix(Random random) => random.Next(6) switch
    {
        0 => "_0",
        1 => "_",
        2 => "__X",
        3 => "_99999999999",
        _ => "",
    };

    private static string Damage(string text, Random random)
    {
        var at = random.Next(text.Length + 1);
        var fragment = Fragments[random.Next(Fragments.Length)];
        return random.Next(4) switch
        {
            0 => text[..at],
            1 => text.Remove(at, Math.Min(random.Next(10), text.Length - at)),
            2 => text[..at] + string.Concat(Enumerable.Repeat(fragment, random.Next(1, 40))) + text[at..],
            _ => text.Insert(at, fragment),
        };
    }
}
