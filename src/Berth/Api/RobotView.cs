using Berth.Access;

namespace Berth.Api;

/// <summary>A robot: an account for programs, of a repository, a namespace or the registry.</summary>
internal sealed record RobotView(
    string Name, string? Namespace, string? Repository, string? Description, bool IsDisabled, DateTimeOffset? ExpiresAt,
    bool MayMakeRobots, IReadOnlyList<RobotGrant> Grants, IReadOnlyList<RobotSecret> Secrets,
    DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    /// <summary>What it may do.</summary>
    public ChangeNote Note() => new(
        Name, string.Join("; ", Grants.Select(grant => $"{WhatOf(grant)} in {grant.Names}")));

    ChangeNote INoted.Note => Note();

    private static string WhatOf(RobotGrant grant) =>
        grant.Role is { } role ? Roles.Word(role) : string.Join(',', grant.Actions ?? []);
}

/// <summary>What a robot may do in the repositories that a pattern matches: a role, or actions.</summary>
internal sealed record RobotGrant(string Names, Role? Role = null, IReadOnlyList<string>? Actions = null);

/// <summary>A secret of a robot, as far as it is shown.</summary>
internal sealed record RobotSecret(
    string Hint, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? UsedAt, string? UsedFrom);

/// <summary>
/// A robot to be made. Without a namespace or a repository, it is the registry's. One of a repository gets a name that
/// begins with this.
/// </summary>
internal sealed record NewRobot(
    string Name, string? Namespace = null, string? Description = null, IReadOnlyList<RobotGrant>? Grants = null,
    DateTimeOffset? ExpiresAt = null, bool MayMakeRobots = false, string? Repository = null);

/// <summary>
/// A change of a robot. What is missing stays as it is; grants replace all that it has, and an expiry that is null ends
/// never.
/// </summary>
internal sealed record RobotChange(
    string? Description = null, bool? IsDisabled = null, ExpiryChange ExpiresAt = default,
    IReadOnlyList<RobotGrant>? Grants = null);

/// <summary>A robot with its new secret: this is the only time that it is shown.</summary>
internal sealed record MadeRobot(RobotView Robot, string Secret) : INoted
{
    ChangeNote INoted.Note => Robot.Note();
}
