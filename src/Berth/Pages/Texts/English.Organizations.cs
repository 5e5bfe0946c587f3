using Berth.Access;
using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of organizations, of who may do what, and of robots.</summary>
internal partial class English
{
    public virtual string Remove => "Remove";
    public virtual string Delete => "Delete";
    public virtual string Description => "Description";
    public virtual string Added => "Added";
    public virtual string RoleColumn => "Role";
    public virtual string UserLabel => "User";
    public virtual string Members => "Members";
    public virtual string Teams => "Teams";
    public virtual string Disabled => "disabled";
    public virtual string Disable => "Disabled";
    public virtual string DisableHelp => "May do nothing any more, and keeps everything until this is undone.";
    public virtual string NameHelp => "Lower-case letters and digits, with single '.', '_' or '-' between.";

    // Organizations
    public virtual string OrganizationsText => "An organization is a namespace that several users share.";
    public virtual string NoOrganizations => "There are no organizations yet. Make the first one here.";
    public virtual string NoOrganizationsOfYours => "You are in no organization. Administrators make them.";
    public virtual string NewOrganization => "New organization";
    public virtual string MakeOrganization => "Make the organization";
    public virtual string FirstOwner => "First owner";
    public virtual string FirstOwnerHelp => "A user, who may add others. Empty: nobody yet.";
    public virtual string OrganizationMakesPublic => "Repositories that are pushed to it first are public";
    public virtual string NoMembers => "Nobody is a member yet.";
    public virtual string AddMember => "Add a member";
    public virtual string InviteHelp => "The name of a user. Who has no account yet needs an invitation first.";
    public virtual string AskToInvite =>
        "The name of a user. For somebody without an account, ask an administrator of the registry for an invitation.";

    public virtual string DeleteOrganization => "Delete the organization";
    public virtual string DeleteOrganizationText => "Only once there are no repositories in it, nor any in its trash.";
    public virtual string PushesPublic => "Repositories that are pushed to it first are public.";
    public virtual string PushesPrivate => "Repositories that are pushed to it first are private.";
    public virtual string OwnersChange => "Owners of the organization can change this.";

    public virtual string OrganizationNameHelp =>
        "Its images are NAME/…. Lower-case letters and digits, with single '.', '_' or '-' between.";

    public virtual string OrganizationRolesHelp =>
        "Members do what their teams may; readers pull, writers push, maintainers delete, owners decide who does.";

    public virtual IReadOnlyList<(string Value, string Text)> OrganizationRoles =>
        [.. Enum.GetValues<Role>().Select(role => (Roles.Word(role), RoleWord(role)))];

    public virtual Warning RemoveMember(string name, string organization) => new(
        $"Remove {name} from {organization}?", "Remove them",
        $"{name} leaves all teams of {organization}, and loses what its members may do. Grants to {name} alone stay.");

    public virtual Warning RemoveOrganization(string name) => new(
        $"Delete the organization {name}?", "Delete it",
        "Its teams, its robots and their secrets, and all grants in it are deleted for good.",
        "It is refused if there are repositories in it.");

    // Teams
    public virtual string NoTeams => "There are no teams yet. A team gets grants, which all its members have.";
    public virtual string NewTeam => "New team";
    public virtual string MakeTeam => "Make the team";
    public virtual string DeleteTeam => "Delete the team";
    public virtual string NoTeamMembers => "Nobody is in it yet.";
    public virtual string TeamMemberHelp => "A member of the organization.";
    public virtual string TeamGroups => "Groups of other directories";
    public virtual string TeamGroupsText => "Whoever is in one of them is in the team, from their next sign-in on.";
    public virtual string Directory => "Directory";
    public virtual string DirectoryHelp => "As the settings have it: ldap, or oidc:NAME.";
    public virtual string GroupName => "Group";
    public virtual string AddGroup => "Add the group";
    public virtual string WhatItMayDo => "What it may do";

    public virtual string TeamTitle(string name) => $"Team {name}";

    public virtual Warning RemoveTeam(string name) => new(
        $"Delete the team {name}?", "Delete it", "Its members lose what only this team gives them.",
        "Its grants are deleted with it.");

    // Who may do what
    public virtual string Access => "Access";
    public virtual string AccessText => "What is granted to users, robots and teams, besides what their roles allow.";
    public virtual string Namespaces => "Namespaces";
    public virtual string WholeRegistry => "Registry";
    public virtual string NoGrants => "Nothing is granted here yet.";
    public virtual string Memberships => "By name and membership";
    public virtual string AskAboutRepository => "Which repository?";
    public virtual string Action => "Action";
    public virtual string Through => "Through";
    public virtual string Grants => "Grants";
    public virtual string May => "May";
    public virtual string In => "In repositories";
    public virtual string NewGrant => "New grant";
    public virtual string GiveGrant => "Give it";
    public virtual string WhoKind => "To";
    public virtual string HolderHelp => "A user, a robot (robot.NAME), or a team (ORGANIZATION/TEAM).";
    public virtual string SingleActions => "Or single actions";

    public virtual string PatternHelp =>
        "acme/app for one, acme/* for those directly in acme, acme/** for all below it.";

    public virtual string PatternsHelpHere => "One a line: " + PatternHelp;

    public virtual IReadOnlyList<(string Value, string Text)> HolderKinds =>
        [("user", "a user"), ("robot", "a robot"), ("team", "a team")];

    public virtual IReadOnlyList<(string Value, string Text)> GrantRoles =>
    [
        ("reader", "reader: pull"), ("writer", "writer: pull and push"),
        ("maintainer", "maintainer: delete too, and say who sees it"), ("owner", "owner: decide who may do what, too"),
        ("", "none: the single actions below"),
    ];

    public virtual string AccessTitle(string kind, string name) => kind switch
    {
        "namespace" when name == "*" => "Access across namespaces",
        "namespace" => $"Access to {name}",
        _ => $"What {name} may do",
    };

    public virtual string NoGrantsTo(string name) => $"{name} has no other grants.";

    public virtual string OwnNamespace(string name) => $"{name} owns the namespace {name}.";

    public virtual string MayIn(string name, string repository) => $"What {name} may do in {repository}";

    public virtual string MemberMay(Role role) => role switch
    {
        Role.Member => "member: what its teams may do",
        Role.Reader => "reader: pull from all of it",
        Role.Writer => "writer: pull from and push to all of it",
        Role.Maintainer => "maintainer: pull, push and delete in all of it",
        _ => "owner: everything in it",
    };

    public virtual string HolderKind(GrantView grant) =>
        grant.User is not null ? "user" : grant.Robot is not null ? "robot" : "team";

    public virtual Warning RemoveGrant(GrantView grant) => new(
        $"Take the grant of {grant.User ?? grant.Robot ?? grant.Team} back?", "Take it back",
        $"{grant.User ?? grant.Robot ?? grant.Team} may no longer {string.Join(", ", grant.Actions)} in {grant.Names}, "
        + "unless something else allows it.");

    // Robots
    public virtual string Robots => "Robots";
    public virtual string RegistryRobots => "Robots of the registry";
    public virtual string RobotsText => "Accounts for programs, such as a build: with a secret, and only these rights.";
    public virtual string NoRobots => "There are no robots here yet.";
    public virtual string NewRobot => "New robot";
    public virtual string MakeRobot => "Make the robot";
    public virtual string RobotDescriptionHelp => "What it is for, and who to ask about it.";
    public virtual string OfRepository => "Of one repository alone";
    public virtual string OfRepositoryHelp => "Then its owners manage it, and its name gets an end of its own.";
    public virtual string MayMakeRobots => "It may make other robots, with no more rights than its own";
    public virtual string Secrets => "Secrets";
    public virtual string EndsWith => "Ends with";

    public virtual string GrantLinesHelp =>
        "One a line: a pattern, and a role or actions, as in acme/** writer or acme/app pull,push.";

    public virtual string RobotsOf(string space) => $"Robots of {space}";

    public virtual string RobotNameHelp(string space) =>
        $"It is called robot.NAME, which is taken once in the registry: {(space == "*" ? "" : space + ".")}ci, say.";

    public virtual Warning RemoveRobot(string name) => new(
        $"Delete the robot {name}?", "Delete it",
        "Its secrets stop working now, and its grants are deleted. What it pushed stays.");
}
