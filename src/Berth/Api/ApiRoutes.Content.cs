namespace Berth.Api;

/// <summary>The routes about what is stored.</summary>
internal static partial class ApiRoutes
{
    /// <summary>Of a list with as many images as one may have.</summary>
    private const int MaxPinBytes = 8 * 1024 * 1024;

    /// <summary>The longest readme, each of whose characters may be escaped, and the rest.</summary>
    private const int MaxReadmeBytes = 400 * 1024;

    private static void MapRepositories(RouteGroupBuilder api, RepositoryEndpoints repositories)
    {
        api.MapGet("/repositories", repositories.ListAsync).Requires(ApiRight.Visible, "List repositories")
            .Lists(RepositoryListing.Fields);
        api.MapPost("/repositories", repositories.AddAsync)
            .Requires(ApiRight.SignedIn, "Make a repository that the caller may push to, without a push")
            .Takes(MaxReadmeBytes).Makes();
        api.MapGet("/repositories/{**name}", repositories.GetAsync).Requires(ApiRight.Pull, "Show a repository");
        api.MapPatch("/repositories/{**name}", repositories.ChangeAsync)
            .Requires(ApiRight.Manage, "Change a repository").Takes(MaxReadmeBytes).Versioned();
        api.MapDelete("/repositories/{**name}", repositories.RemoveAsync)
            .Requires(ApiRight.Delete, "Put a repository with all that is in it into the trash").Versioned();
    }

    private static void MapNamespaces(RouteGroupBuilder api, IServiceProvider services)
    {
        api.MapGet("/namespaces", services.GetRequiredService<NamespaceEndpoints>().ListAsync)
            .Requires(ApiRight.Visible, "Show the caller's namespaces, or one: whose it is, and what is in it").Lists();
        api.MapGet("/activity", handler: services.GetRequiredService<ActivityEndpoints>().ListAsync)
            .Requires(ApiRight.Visible, "List what happened lately to tags, the latest first").Lists();
    }

    private static void MapCopies(RouteGroupBuilder api, RepositoryCopyEndpoints copies)
    {
        api.MapPost("/repositories/copies", copies.CopyAsync)
            .Requires(ApiRight.SignedIn, "Copy images, or some tags, to a repository that the caller may push to");
        api.MapPost("/repositories/moves", copies.MoveAsync)
            .Requires(ApiRight.SignedIn, "Give a repository that the caller manages another name");
    }

    private static void MapStars(RouteGroupBuilder api, StarEndpoints stars)
    {
        api.MapGet("/stars", handler: stars.ListAsync)
            .Requires(ApiRight.Self, "List the repositories that the caller has starred").Lists();
        api.MapPut("/stars/{**name}", stars.AddAsync)
            .Requires(ApiRight.Self, "Star a repository that the caller may pull from").Versioned();
        api.MapDelete("/stars/{**name}", stars.RemoveAsync)
            .Requires(ApiRight.Self, "Take a star back").Versioned();
    }

    private static void MapSearch(RouteGroupBuilder api, IServiceProvider services)
    {
        api.MapGet("/search", services.GetRequiredService<SearchEndpoints>().FindAsync)
            .Requires(ApiRight.Visible, "Find repositories by names, descriptions, tags and labels").Lists();
        api.MapGet("/search/files", services.GetRequiredService<FileSearchEndpoints>().FindAsync)
            .Requires(ApiRight.Visible, "Find images with a file, by its name: some layers at a time").Lists();
        api.MapGet("/search/packages", services.GetRequiredService<PackageSearchEndpoints>().FindAsync)
            .Requires(ApiRight.Visible, "Find images with a package, by its name and version").Lists();
        api.MapGet("/search/vulnerabilities", services.GetRequiredService<VulnerabilitySearchEndpoints>().FindAsync)
            .Requires(ApiRight.Visible, "Find images with a vulnerability, by its name").Lists();
        var rebuilds = services.GetRequiredService<SearchRebuildEndpoints>();
        api.MapGet("/search/rebuilds", handler: rebuilds.ListAsync)
            .Requires(ApiRight.Staff, "List the rebuilds of the index of searches, the latest first").Lists();
        api.MapPost("/search/rebuilds", handler: rebuilds.AddAsync)
            .Requires(ApiRight.Administrator, "Compare the index of searches with what is stored, and mend it").Makes();
        api.MapGet("/search/rebuilds/{id:long}", rebuilds.GetAsync)
            .Requires(ApiRight.Staff, "Show how far a rebuild is").Unnoted();
    }

    private static void MapTags(RouteGroupBuilder api, TagEndpoints tags)
    {
        api.MapGet("/tags", tags.ListAsync).Requires(ApiRight.Pull, "List the tags of a repository").Lists();
        api.MapGet("/tags/{tag}", tags.GetAsync).Requires(ApiRight.Pull, "Show a tag");
        api.MapPut("/tags/{tag}", tags.PutAsync)
            .Requires(ApiRight.Push, "Point a tag to an image that is there: a new one, or one moved back").Versioned();
        api.MapPatch("/tags/{tag}", tags.ChangeAsync)
            .Requires(ApiRight.Delete, "Say when a tag goes, or that no rule removes it").Versioned();
        api.MapDelete("/tags/{tag}", tags.RemoveAsync)
            .Requires(ApiRight.Delete, "Put a tag into the trash, and not what it points to").Versioned();
        api.MapGet("/tags/{tag}/history", tags.HistoryAsync)
            .Requires(ApiRight.Pull, "List the moves of a tag, the latest first").Lists();
    }

    private static void MapImages(RouteGroupBuilder api, IServiceProvider services)
    {
        var (shown, images) = (
            services.GetRequiredService<ImageEndpoints>(), services.GetRequiredService<ImageFileEndpoints>());
        api.MapGet("/images/{reference}/artifact", services.GetRequiredService<ArtifactEndpoints>().GetAsync)
            .Requires(ApiRight.Pull, "What a chart, a model, a bill of materials or the like says of itself");
        api.MapGet("/images/{reference}/referrers", services.GetRequiredService<ReferrerEndpoints>().GetAsync)
            .Requires(ApiRight.Pull, "Signatures, bills of materials and the like that say something about an image");
        api.MapGet("/images/{reference}/policies", services.GetRequiredService<ImagePolicyEndpoints>().GetAsync)
            .Requires(ApiRight.Pull, "What policies say of an image");
        api.MapGet("/images/{reference}/signatures", services.GetRequiredService<SignatureEndpoints>().GetAsync)
            .Requires(ApiRight.Pull, "Who signed an image, as far as that is verified by what is trusted here");
        api.MapGet("/images/{reference}", shown.GetAsync)
            .Requires(ApiRight.Pull, "Show what an image is made of, and how it runs");
        var holders = services.GetRequiredService<LayerHolderEndpoints>();
        api.MapGet("/images/{reference}/layers/{digest}/holders", holders.ListAsync)
            .Requires(ApiRight.Pull, "List where else a layer is, as far as the caller may see").Lists();
        api.MapGet("/images/{reference}/manifest", shown.ReadManifestAsync)
            .Requires(ApiRight.Pull, "Read the manifest as it was pushed");
        api.MapGet("/images/{reference}/config", shown.ReadConfigAsync)
            .Requires(ApiRight.Pull, "Read the config of an image as it was pushed");
        api.MapGet("/images/{reference}/files", images.ListAsync)
            .Requires(ApiRight.Pull, "List a folder of an image, or of one of its layers, without pulling it").Lists();
        api.MapGet("/images/{reference}/files/content", images.ReadAsync)
            .Requires(ApiRight.Pull, "Read a file of an image");
        api.MapGet("/images/{reference}/files/search", images.SearchAsync)
            .Requires(ApiRight.Pull, "Find files of an image by their names").Lists();
        var installed = services.GetRequiredService<ImagePackageEndpoints>();
        api.MapGet("/images/{reference}/packages", installed.ListAsync)
            .Requires(ApiRight.Pull, "List the packages that are installed in an image").Lists();
        api.MapGet("/images/{reference}/sbom", installed.GetSbomAsync)
            .Requires(ApiRight.Pull, "The bill of materials that came with an image, or else the registry's own");
        var vulnerabilities = services.GetRequiredService<ImageVulnerabilityEndpoints>();
        api.MapGet("/images/{reference}/vulnerabilities", vulnerabilities.ListAsync)
            .Requires(ApiRight.Pull, "List the vulnerabilities of the packages in an image, the worst first").Lists();
        api.MapGet("/images/{reference}/vulnerabilities.csv", vulnerabilities.GetCsvAsync)
            .Requires(ApiRight.Pull, "The vulnerabilities of an image as comma-separated values");
        api.MapGet(
            "/images/{reference}/vulnerabilities/changes",
            services.GetRequiredService<VulnerabilityChangeEndpoints>().CompareAsync)
            .Requires(ApiRight.Pull, "What got better or worse from an image to another one");
        var scanners = services.GetRequiredService<ScannerEndpoints>();
        api.MapGet("/images/{reference}/scanners", scanners.ListOfImageAsync)
            .Requires(ApiRight.Pull, "How many vulnerabilities other scanners found in an image");
        api.MapGet("/images/{reference}/scanners/{name}", scanners.ListFindingsAsync)
            .Requires(ApiRight.Pull, "List what another scanner found in an image, the worst first").Lists();
        api.MapGet("/images/{reference}/waste", images.WasteAsync)
            .Requires(ApiRight.Pull, "What later layers of an image replaced or removed, so that it is of no use");
        api.MapGet("/images/{reference}/differences", images.CompareAsync)
            .Requires(ApiRight.Pull, "How the files and the config of two images differ").Lists();
    }

    private static void MapVulnerabilities(RouteGroupBuilder api, IServiceProvider services)
    {
        var data = services.GetRequiredService<VulnerabilityDataEndpoints>();
        api.MapGet("/vulnerabilities/news", services.GetRequiredService<VulnerabilityNewsEndpoints>().ListAsync)
            .Requires(ApiRight.Visible, "List what was found lately in images, as it was first seen").Lists();
        api.MapGet("/vulnerabilities", handler: data.GetAsync)
            .Requires(ApiRight.Staff, "Show what images are compared with, and where it comes from");
        api.MapPost("/vulnerabilities/updates", handler: data.UpdateAsync)
            .Requires(ApiRight.Administrator, "Ask the sources of vulnerabilities for what is new");
        api.MapGet("/scanners", handler: services.GetRequiredService<ScannerEndpoints>().ListAsync)
            .Requires(ApiRight.Staff, "Show the other scanners of the settings, and what is wrong with them");
    }

    private static void MapTagRules(RouteGroupBuilder api, TagRuleEndpoints rules)
    {
        api.MapGet("/tag-rules", rules.ListAsync)
            .Requires(ApiRight.Account, "List rules on tags: of a namespace, or for staff all").Lists();
        api.MapPost("/tag-rules", rules.AddAsync)
            .Requires(ApiRight.Account, "Say which tags stay, go, or never move, where the caller manages").Makes();
        api.MapPost("/tag-rules/plan", rules.PlanAsync)
            .Requires(ApiRight.Account, "What a rule would remove, and why, before it is saved");
        api.MapGet("/tag-rules/{id:long}", rules.GetAsync).Requires(ApiRight.Account, "Show a rule on tags");
        api.MapPut("/tag-rules/{id:long}", rules.ReplaceAsync)
            .Requires(ApiRight.Account, "Replace a rule on tags").Versioned();
        api.MapDelete("/tag-rules/{id:long}", rules.RemoveAsync)
            .Requires(ApiRight.Account, "Remove a rule on tags").Versioned();
    }

    private static void MapPolicies(RouteGroupBuilder api, PolicyEndpoints policies, WaiverEndpoints waivers)
    {
        api.MapGet("/policies", policies.ListAsync)
            .Requires(ApiRight.Account, "List policies: of a namespace, or for staff all").Lists();
        api.MapPost("/policies", policies.AddAsync)
            .Requires(ApiRight.Account, "Say what images must be like, where the caller manages").Makes();
        api.MapPost("/policies/plan", policies.PlanAsync)
            .Requires(ApiRight.Account, "Which images a policy would be against, before it is saved");
        api.MapGet("/policies/{id:long}", policies.GetAsync).Requires(ApiRight.Account, "Show a policy");
        api.MapPut("/policies/{id:long}", policies.ReplaceAsync)
            .Requires(ApiRight.Account, "Replace a policy").Versioned();
        api.MapDelete("/policies/{id:long}", policies.RemoveAsync)
            .Requires(ApiRight.Account, "Remove a policy").Versioned();
        api.MapGet("/waivers", waivers.ListAsync)
            .Requires(ApiRight.Account, "List what policies pass over: of a namespace, or for staff all").Lists();
        api.MapPost("/waivers", waivers.AddAsync)
            .Requires(ApiRight.Account, "Have policies pass over a vulnerability, where the caller manages").Makes();
        api.MapGet("/waivers/{id:long}", waivers.GetAsync).Requires(ApiRight.Account, "Show a waiver");
        api.MapDelete("/waivers/{id:long}", waivers.RemoveAsync)
            .Requires(ApiRight.Account, "Have policies pass over a vulnerability no longer").Versioned();
    }

    private static void MapTrust(RouteGroupBuilder api, TrustEndpoints trust)
    {
        api.MapGet("/trust", trust.ListAsync)
            .Requires(ApiRight.Account, "List whose signatures count: in a namespace, or for staff everywhere").Lists();
        api.MapGet("/trust/{kind}/{name}", trust.GetAsync)
            .Requires(ApiRight.Account, "Show a key, an identity, a root, a store or a policy");
        api.MapPut("/trust/{kind}/{name}", trust.PutAsync)
            .Requires(ApiRight.Account, "Trust a key, an identity, a root, a store or a policy, or change it")
            .Takes(TrustEndpoints.MaxBytes).Versioned();
        api.MapDelete("/trust/{kind}/{name}", trust.RemoveAsync)
            .Requires(ApiRight.Account, "Trust a key, an identity, a root, a store or a policy no longer").Versioned();
    }

    private static void MapRetention(RouteGroupBuilder api, IServiceProvider services)
    {
        var retention = services.GetRequiredService<RetentionEndpoints>();
        api.MapGet("/retention/plan", retention.PlanAsync)
            .Requires(ApiRight.Delete, "What the rules would do with each tag of a repository, and why").Lists();
        api.MapGet("/retention/estimate", retention.EstimateAsync)
            .Requires(ApiRight.Account, "What a run of the rules would remove in all, and the space that it frees");
        api.MapGet("/retention/runs", handler: retention.ListAsync)
            .Requires(ApiRight.Staff, "List the runs of rules that were asked for, the latest first").Lists();
        api.MapPost("/retention/runs", retention.AddAsync)
            .Requires(ApiRight.Account, "Run the rules now: in a repository, in a namespace or everywhere").Makes();
        api.MapGet("/retention/runs/{id:long}", retention.GetAsync)
            .Requires(ApiRight.Account, "Show how far a run is, and what it removed").Unnoted();
        var pins = services.GetRequiredService<PinEndpoints>();
        api.MapGet("/pins", handler: pins.ListAsync)
            .Requires(ApiRight.Staff, "List the lists of images in use").Lists();
        api.MapGet("/pins/{**list}", pins.GetAsync)
            .Requires(ApiRight.Account, "Show a list of images in use, with a page of them").Lists();
        api.MapPut("/pins/{list}", pins.PutAsync)
            .Requires(ApiRight.Account, "Post the images that a cluster runs, which no rule removes then")
            .Takes(MaxPinBytes).Versioned();
        api.MapDelete("/pins/{**list}", pins.RemoveAsync)
            .Requires(ApiRight.Account, "Remove a list of images in use").Versioned();
    }

    private static void MapTrash(RouteGroupBuilder api, TrashEndpoints trash)
    {
        api.MapGet("/trash", trash.ListAsync)
            .Requires(ApiRight.SignedIn, "List what is in the trash of a repository, a namespace or the registry")
            .Lists();
        api.MapPost("/trash/empty", trash.EmptyAsync)
            .Requires(ApiRight.Account, "Empty the trash of a repository, a namespace or the registry, for good");
        api.MapGet("/trash/{id:long}", trash.GetAsync).Requires(ApiRight.SignedIn, "Show an entry of the trash");
        api.MapPost("/trash/{id:long}/restore", trash.RestoreAsync)
            .Requires(ApiRight.SignedIn, "Bring back what is in the trash").Versioned();
        api.MapDelete("/trash/{id:long}", trash.RemoveAsync)
            .Requires(ApiRight.SignedIn, "Remove an entry of the trash for good").Versioned();
    }

    private static void MapCollections(RouteGroupBuilder api, CollectionEndpoints collections)
    {
        api.MapGet("/garbage-collections", handler: collections.ListAsync)
            .Requires(ApiRight.Staff, "List the collections of garbage that were asked for, the latest first").Lists();
        api.MapPost("/garbage-collections", collections.AddAsync)
            .Requires(ApiRight.Administrator, "Remove now what nothing needs any more").Makes();
        api.MapGet("/garbage-collections/{id:long}", collections.GetAsync)
            .Requires(ApiRight.Staff, "Show how far a collection is, and what it removed").Unnoted();
        api.MapGet("/garbage-collections/estimate", collections.EstimateAsync)
            .Requires(ApiRight.Staff, "What a collection would remove now");
    }

    private static void MapImports(RouteGroupBuilder api, ImportEndpoints imports)
    {
        api.MapGet("/imports", handler: imports.ListAsync)
            .Requires(ApiRight.Administrator, "List the imports that were asked for, the latest first").Lists();
        api.MapPost("/imports", imports.AddAsync)
            .Requires(ApiRight.Administrator, "Import a registry: only for commands on the machine itself").Makes();
        api.MapGet("/imports/{id:long}", imports.GetAsync)
            .Requires(ApiRight.Administrator, "Show how far an import is, and what it brought").Unnoted();
        api.MapGet("/imports/{id:long}/notes", imports.NotesAsync)
            .Requires(ApiRight.Administrator, "List what an import could not take, or left as it is").Lists();
        api.MapGet("/imports/estimate", imports.EstimateAsync)
            .Requires(ApiRight.Administrator, "What an import would bring: only for commands on the machine itself");
    }

    private static void MapBackups(RouteGroupBuilder api, BackupEndpoints backups)
    {
        api.MapGet("/backups", handler: backups.ListAsync)
            .Requires(ApiRight.Staff, "List the backups that were made, the latest first").Lists();
        api.MapPost("/backups", handler: backups.AddAsync)
            .Requires(ApiRight.Administrator, "Make a backup now, to the place in the settings").Makes();
        api.MapGet("/backups/verification", handler: backups.GetVerificationAsync)
            .Requires(ApiRight.Staff, "Show how far all backups are read again, and what was found").Unnoted();
        api.MapPost("/backups/verification", handler: backups.VerifyAsync)
            .Requires(ApiRight.Administrator, "Read all backups in the place of the settings again, from now on")
            .Makes();
        api.MapGet("/backups/{id:long}", backups.GetAsync)
            .Requires(ApiRight.Staff, "Show how far a backup is, and whether it is whole").Unnoted();
        api.MapDelete("/backups/{id:long}", backups.RemoveAsync)
            .Requires(ApiRight.Administrator, "Remove a backup, and the blobs that no other backup needs").Versioned();
    }

    private static void MapScrub(RouteGroupBuilder api, ScrubEndpoints scrub)
    {
        api.MapGet("/scrub", handler: scrub.GetAsync)
            .Requires(ApiRight.Staff, "Show how far the blobs are read again, and what was found").Unnoted();
        api.MapGet("/scrub/faults", handler: scrub.ListFaultsAsync)
            .Requires(ApiRight.Staff, "List the blobs that were found damaged or missing").Lists();
    }

    private static void MapWork(RouteGroupBuilder api, WorkEndpoints work)
    {
        api.MapGet("/jobs", work.ListJobsAsync)
            .Requires(ApiRight.Staff, "List the background jobs that wait or run").Lists().Unnoted();
        api.MapGet("/jobs/runs", work.ListRunsAsync)
            .Requires(ApiRight.Staff, "List how the last runs of background jobs ended, the latest first").Lists()
            .Unnoted();
        api.MapGet("/nodes", handler: work.ListNodesAsync)
            .Requires(ApiRight.Staff, "List the nodes that run background jobs, or have lately").Unnoted();
        api.MapGet("/uploads", handler: work.ListUploadsAsync)
            .Requires(ApiRight.Staff, "List the uploads that have not ended, the last used first").Lists();
        api.MapGet("/health", handler: work.GetHealthAsync)
            .Requires(ApiRight.Staff, "What is wrong with the registry, as the node that answers finds it").Unnoted();
    }

    private static void MapUsage(RouteGroupBuilder api, IServiceProvider services)
    {
        var usage = services.GetRequiredService<UsageEndpoints>();
        api.MapGet("/usage", usage.GetAsync)
            .Requires(ApiRight.SignedIn, "What a repository, a namespace or the registry keeps, in bytes");
        api.MapGet("/usage/largest", handler: services.GetRequiredService<StorageEndpoints>().GetAsync)
            .Requires(ApiRight.Staff, "The namespaces and repositories that keep most, and what waits to be removed")
            .WithMetadata(new QueryFields(["n"]));
        api.MapGet("/usage/reclaimable", usage.FreeAsync)
            .Requires(ApiRight.Pull, "What would be free without a tag, a manifest, some tags or a repository");
        api.MapGet("/usage/reclaimable/matching", usage.FreeAllAsync)
            .Requires(ApiRight.Account, "What would be free without the repositories that a pattern matches");
    }

    private static void MapQuotas(RouteGroupBuilder api, QuotaEndpoints quotas)
    {
        api.MapGet("/quotas", quotas.ListAsync)
            .Requires(ApiRight.Account, "List the quotas in a namespace that the caller owns, or all").Lists();
        api.MapGet("/quotas/{**scope}", quotas.GetAsync)
            .Requires(ApiRight.Account, "Show the quota of a namespace or a repository");
        api.MapPut("/quotas/{**scope}", quotas.PutAsync)
            .Requires(ApiRight.Administrator, "Set the quota of a namespace or a repository").Versioned();
        api.MapDelete("/quotas/{**scope}", quotas.RemoveAsync)
            .Requires(ApiRight.Administrator, "Delete the quota of a namespace or a repository").Versioned();
    }
}
