using System.Diagnostics.CodeAnalysis;
using Berth.Oci;

namespace Berth.Access;

/// <summary>
/// The name of a user, a robot or an organization: one path component of a repository name, since the first component
/// is its owner's. At most 64 characters.
/// </summary>
internal sealed record AccountName
{
    public const int MaxLength = 64;

    /// <summary>How the names of robots begin. They own no namespace, so a dot does no harm there.</summary>
    public const string RobotPrefix = "robot.";

    private AccountName(string text) => Text = text;

    public string Text { get; }

    public bool IsRobot => Text.StartsWith(RobotPrefix, StringComparison.Ordinal);

    /// <param name="text">What was typed; capitals do not matter.</param>
    /// <param name="name">The name in lower case.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out AccountName? name)
    {
        var lower = text?.ToLowerInvariant();
        var isName = lower is { Length: > 0 and <= MaxLength } && !lower.Contains('/', StringComparison.Ordinal)
            && RepositoryName.TryParse(lower, out _);
        name = isName ? new AccountName(lower!) : null;
        return isName;
    }

    public override string ToString() => Text;
}
