using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of the registry's health shows.</summary>
/// <param name="Health">What the checks say.</param>
/// <param name="Nodes">The nodes.</param>
/// <param name="HasBackupPlace">Whether the settings say where backups go.</param>
/// <param name="HasBackups">Whether there is any.</param>
internal sealed record HealthPage(
    HealthView Health, IReadOnlyList<NodeView> Nodes, bool HasBackupPlace, bool HasBackups);

/// <summary>What the page of background jobs shows.</summary>
/// <param name="Waiting">Those that wait or run.</param>
/// <param name="Runs">A page of the runs that are over.</param>
/// <param name="IsFailed">Whether it shows only what failed.</param>
internal sealed record JobsPage(IReadOnlyList<JobView> Waiting, PageList<JobRunView> Runs, bool IsFailed);

/// <summary>What the page of backups shows.</summary>
internal sealed record BackupsPage(
    PageList<BackupView> Backups, BackupVerificationView? Verification, FormContent? Sent);

/// <summary>What the page of the scrub shows.</summary>
internal sealed record ScrubPage(ScrubView Scrub, PageList<BlobFaultView> Faults);

/// <summary>What the page of an import shows.</summary>
internal sealed record ImportPage(ImportView Import, PageList<Metadata.ImportNote> Notes);

/// <summary>Pages of settings about what the registry is busy with, and whether it is well.</summary>
internal sealed class WorkPages(
    WorkEndpoints work, StorageEndpoints storage, ScrubEndpoints scrub, ImportEndpoints imports,
    BackupEndpoints backups)
{
    public const string Backups = "/settings/backups";
    public const string BackupNow = Backups + "/now";
    public const string Verification = Backups + "/verification";

    private const string ManyJobs = "?n=100";
    private const string ManyFailedJobs = "?n=100&failed=true";
    private const string Largest = "?n=20";

    public async Task<IResult> ShowHealthAsync(HttpContext http)
    {
        var health = (await work.GetHealthAsync(http)).Value!;

        // A database that is away has nothing to say of nodes.
        if (health.Checks.Any(check => check is { Name: "pull", Problem: not null }))
            return new PageResult(new Pages_Health { Model = new HealthPage(health, [], true, true) });
        var made = await PageQuery.AskAsync(http, "?n=1", backups.ListAsync);
        return new PageResult(new Pages_Health
        {
            Model = new HealthPage(
                health, (await work.ListNodesAsync(http)).Value!.Items, await HasPlaceAsync(http),
                made.Value!.Items.Count > 0),
        });
    }

    public async Task<IResult> ShowJobsAsync(HttpContext http)
    {
        var isFailed = http.Request.Query["failed"] == "true";
        var waiting = await PageQuery.AskAsync(
            http, isFailed ? ManyFailedJobs : ManyJobs, context => work.ListJobsAsync(context, isFailed));
        var runs = await work.ListRunsAsync(http, isFailed);
        return new PageResult(new Pages_Jobs
        {
            Model = new JobsPage(
                waiting.Value!.Items, PageList<JobRunView>.Of(http, runs.Value!), isFailed),
        });
    }

    public async Task<IResult> ShowUploadsAsync(HttpContext http) => await work.ListUploadsAsync(http) is var answer
        && answer.Value is { } listed
            ? new PageResult(new Pages_Uploads { Model = PageList<UploadView>.Of(http, listed) })
            : ProblemPage.Of(http, answer.Error!);

    public async Task<IResult> ShowStorageAsync(HttpContext http) => new PageResult(new Pages_Storage
    {
        Model = (await PageQuery.AskAsync(http, Largest, storage.GetAsync)).Value!,
    });

    public async Task<IResult> ShowScrubAsync(HttpContext http)
    {
        var faults = await scrub.ListFaultsAsync(http);
        return new PageResult(new Pages_Scrub
        {
            Model = new ScrubPage(
                (await scrub.GetAsync(http)).Value!, PageList<BlobFaultView>.Of(http, faults.Value!)),
        });
    }

    public async Task<IResult> ShowImportsAsync(HttpContext http) => new PageResult(new Pages_Imports
    {
        Model = PageList<ImportView>.Of(http, (await imports.ListAsync(http)).Value!),
    });

    public async Task<IResult> ShowImportAsync(HttpContext http)
    {
        var id = RouteId.Of(http);
        var (import, notes) = (await imports.GetAsync(http, id), await imports.NotesAsync(http, id));
        return (import.Error ?? notes.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(new Pages_Import
            {
                Model = new ImportPage(import.Value!, PageList<Metadata.ImportNote>.Of(http, notes.Value!)),
            });
    }

    public Task<IResult> ShowBackupsAsync(HttpContext http) => ShowBackupsAsync(http, sent: null);

    public Task<IResult> BackUpAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await backups.AddAsync(http), Backups,
            error => ShowBackupsAsync(http, new FormContent(BackupNow, sent, error))));

    public Task<IResult> VerifyAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await backups.VerifyAsync(http), Backups,
            error => ShowBackupsAsync(http, new FormContent(Verification, sent, error))));

    private async Task<bool> HasPlaceAsync(HttpContext http) =>
        (await backups.GetVerificationAsync(http)).Value is { Place: not null };

    private async Task<IResult> ShowBackupsAsync(HttpContext http, FormContent? sent) => new PageResult(
        new Pages_Backups
        {
            Model = new BackupsPage(
                PageList<BackupView>.Of(http, (await backups.ListAsync(http)).Value!),
                (await backups.GetVerificationAsync(http)).Value, sent),
        },
        sent?.Status ?? StatusCodes.Status200OK);
}

/// <summary>The number in a page's address.</summary>
internal static class RouteId
{
    /// <summary>The route takes nothing but numbers.</summary>
    public static long Of(HttpContext http) => long.Parse(
        (string)http.GetRouteValue("id")!, System.Globalization.CultureInfo.InvariantCulture);
}
