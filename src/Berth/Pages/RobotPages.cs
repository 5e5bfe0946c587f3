using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of robots shows.</summary>
/// <param name="Space">Whose they are; <c>*</c>: the registry's.</param>
/// <param name="Robots">A page of them.</param>
/// <param name="Spaces">Other namespaces that the reader may look at.</param>
/// <param name="MayChange">Whether the reader may make any.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record RobotsPage(
    string Space, PageList<RobotView> Robots, IReadOnlyList<string> Spaces, bool MayChange, FormContent? Sent)
{
    /// <summary>The organization whose namespace it is; null: it is none.</summary>
    public OrganizationView? Organization { get; init; }
}

/// <summary>What the page of a robot shows.</summary>
/// <param name="Robot">The robot.</param>
/// <param name="MayChange">Whether the reader may change it.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record RobotPage(RobotView Robot, bool MayChange, FormContent? Sent);

/// <summary>Links to the same page of other namespaces.</summary>
/// <param name="Spaces">The namespaces.</param>
/// <param name="Current">The one that is shown; empty for none.</param>
/// <param name="Path">The page.</param>
internal sealed record SpaceLinks(IReadOnlyList<string> Spaces, string Current, string Path);

/// <summary><c>/settings/robots</c>: accounts for programs.</summary>
internal sealed class RobotPages(RobotEndpoints robots, MeEndpoints me, OrganizationEndpoints organizations)
{
    public const string Path = "/settings/robots";

    /// <summary>Where the robots of the registry are, as grants have it that are in no namespace.</summary>
    private const string Everywhere = "*";

    public static string PathOf(string space) => $"{Path}?namespace={Uri.EscapeDataString(space)}";

    public static string PathOfRobot(string name, string page = "") =>
        $"{Path}/{name}{(page.Length > 0 ? "/" + page : "")}";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (here, space) = (PathOf(SpaceIn(http) ?? ""), SpaceIn(http));
        var fault = sent.ReadDay("expiresAt", out var end) ?? ReadGrants(sent, out var grants);
        ReadGrants(sent, out grants);
        var answer = fault is not null ? fault : await robots.AddAsync(http, new NewRobot(
            AccountName.RobotPrefix + sent.Text("name").Trim(), space == Everywhere ? null : space,
            sent.Optional("description"), grants, end, sent.IsChecked("mayMakeRobots"), sent.Optional("repository")));
        return await PageForms.EndAsync(
            http, answer, PathOfRobot(answer.Value?.Robot.Name ?? ""), made => Show(made),
            error => ListAsync(http, new FormContent(here, sent, error)));
    });

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, present) = (NameIn(http), await robots.GetAsync(http, NameIn(http)));
        var fault = present.Error ?? sent.ReadDay("expiresAt", present.Value!.ExpiresAt, out _)
            ?? ReadGrants(sent, out _);
        sent.ReadDay("expiresAt", present.Value?.ExpiresAt, out var end);
        ReadGrants(sent, out var grants);
        var answer = fault is not null ? fault : await robots.ChangeAsync(http, name, new RobotChange(
            sent.Text("description"), sent.IsChecked("isDisabled"), end, grants));
        return await PageForms.EndAsync(
            http, answer, Said.At(PathOfRobot(name), Said.Saved),
            error => ShowAsync(http, new FormContent(PathOfRobot(name), sent, error)));
    });

    public Task<IResult> AskToRotateAsync(HttpContext http) => AskToRotateAsync(http, sent: null);

    public Task<IResult> RotateAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await robots.RotateAsync(http, NameIn(http), TokenPages.ReadOverlap(sent)),
            PathOfRobot(NameIn(http)), made => Show(made),
            error => AskToRotateAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var space = (await robots.GetAsync(http, NameIn(http))).Value?.Namespace ?? Everywhere;
        return await PageForms.EndAsync(
            http, await robots.RemoveAsync(http, NameIn(http)), Said.At(PathOf(space), Said.Removed),
            error => AskToRemoveAsync(http, new FormContent(http.Request.Path, sent, error)));
    });

    /// <summary>Grants as lines: a pattern, and a role or actions with commas between.</summary>
    public static string WriteGrants(IEnumerable<RobotGrant> grants) => string.Join('\n', grants.Select(grant =>
        $"{grant.Names} {(grant.Role is { } role ? Roles.Word(role) : string.Join(',', grant.Actions ?? []))}"));

    private static ApiError? ReadGrants(PageBody sent, out List<RobotGrant> grants)
    {
        grants = [];
        foreach (var line in sent.Text("grants").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0) continue;
            if (words.Length == 1)
            {
                return ApiError.Invalid($"'{words[0]}' has no role: write it after the pattern, as in acme/** writer")
                    .At("grants");
            }

            var role = Enum.GetValues<Role>().Where(one => Roles.Word(one) == words[1].Trim())
                .Select(one => (Role?)one).FirstOrDefault();
            var actions = words[1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            grants.Add(new RobotGrant(words[0], role, role is null ? actions : null));
        }

        return null;
    }

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;

    private static string? SpaceIn(HttpContext http) =>
        http.Request.Query["namespace"].ToString() is { Length: > 0 } space ? space : null;

    private static PageResult Show(MadeRobot made) => new(new Pages_Secret
    {
        Model = new ShownSecret(
            made.Robot.Name, made.Secret, made.Robot.Name, PathOfRobot(made.Robot.Name)),
    });

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        if (SpaceIn(http) is not { } space) return PageForms.BackTo(http, PathOf(http.Caller().Name));
        var listed = await robots.ListAsync(http, space == Everywhere ? null : space, repository: null);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Robots
                {
                    Model = new RobotsPage(
                        space, PageList<RobotView>.Of(http, found), await AccessPages.SpacesAsync(http, me),
                        http.Caller().IsAdministrator || !http.Caller().IsStaff, sent)
                    {
                        Organization = await AccessPages.OrganizationOfAsync(http, organizations, space),
                    },
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var found = await robots.GetAsync(http, NameIn(http));
        return found.Value is { } robot
            ? new PageResult(
                new Pages_Robot
                {
                    Model = new RobotPage(robot, http.Caller().IsAdministrator || !http.Caller().IsStaff, sent),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    private async Task<IResult> AskToRotateAsync(HttpContext http, FormContent? sent)
    {
        var found = await robots.GetAsync(http, NameIn(http));
        return found.Value is { } robot
            ? new PageResult(
                new Pages_Rotate
                {
                    Model = new RotationPage(
                        FormContent.Of(sent, http.Request.Path, robot.Version), robot.Name, PathOfRobot(robot.Name)),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent) => Confirming.Of(
        http, await robots.GetAsync(http, NameIn(http)), sent, (words, robot) => words.RemoveRobot(robot.Name),
        PathOfRobot(NameIn(http)));
}
