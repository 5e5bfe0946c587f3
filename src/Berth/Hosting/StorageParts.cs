using Berth.Access;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Policies;
using Berth.Registry;
using Berth.Settings;
using Berth.Telemetry;
using Berth.Verifying;

namespace Berth.Hosting;

/// <summary>
/// What a registry stores, and how it is changed: for servers, and for commands that change it themselves.
/// </summary>
internal static class StorageParts
{
    /// <param name="services">Where to add them, beside the settings, the clock and the log.</param>
    /// <param name="settings">Where things are stored.</param>
    /// <param name="database">The metadata.</param>
    /// <param name="root">The data folder; null if blobs are elsewhere.</param>
    public static void Add(IServiceCollection services, RegistrySettings settings, Database database, string? root)
    {
        AddMetadata(services, settings, database);
        AddBlobStore(services, settings, root);
        if (settings.Storage.IsShared) services.AddSingleton<Uploads, SharedUploads>();
        else services.AddSingleton<Uploads, LocalUploads>();
        services.AddSingleton<RepositoryBlobs>();
    }

    /// <summary>The part that needs no blobs.</summary>
    public static void AddMetadata(IServiceCollection services, RegistrySettings settings, Database database)
    {
        services.AddSingleton(_ => database);
        services.AddSingleton(provider => new AccessVersion(
            database, settings.Database.ServeCachedFor, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new AnswerCache(
            settings.Limits.ManifestCacheBytes,
            cache => database.Listen(
                cache.Hear, cache.ForgetAll, provider.GetRequiredService<ILogger<AnswerCache>>())));
        services.AddSingleton<RepositoryTable>().AddSingleton<BlobTable>().AddSingleton<TagTable>()
            .AddSingleton<ManifestTable>().AddSingleton<UploadTable>()
            .AddSingleton<RepositoryChanges>()
            .AddSingleton(settings.Storage.Maintenance.Trash).AddSingleton<Removal>().AddSingleton<Restoring>()
            .AddSingleton<TagMoves>().AddSingleton<TagRules>()
            .AddSingleton(settings.Storage.Maintenance.Pulls).AddSingleton<PullTimes>()
            .AddSingleton(settings.Storage.Maintenance.Retention).AddSingleton<Retention>()
            .AddSingleton<RulePreview>().AddSingleton<RepositoryCopying>()
            .AddSingleton<RepositoryMoving>().AddSingleton<SignatureResults>()
            .AddSingleton<KnownPolicies>()
            .AddSingleton(provider => new AttachedDocuments(database, settings.Limits))
            .AddSingleton(provider => new PolicyJudge(
                database, provider.GetRequiredService<SignatureResults>(),
                provider.GetRequiredService<AttachedDocuments>(), settings.Limits,
                provider.GetRequiredService<TimeProvider>()))
            .AddSingleton(provider => new ImagePolicies(
                database, provider.GetRequiredService<KnownPolicies>(), provider.GetRequiredService<PolicyJudge>(),
                provider.GetService<AccessRules>(), provider.GetRequiredService<TimeProvider>(), settings.Limits))
            .AddSingleton<IPushRules>(provider => provider.GetRequiredService<ImagePolicies>())
            .AddSingleton(settings.Contents).AddSingleton(settings.Vulnerabilities)
            .AddSingleton(settings.Quotas).AddSingleton<Quotas>().AddSingleton<UploadQuotas>();
    }

    private static void AddBlobStore(IServiceCollection services, RegistrySettings settings, string? root)
    {
        var storage = settings.Storage;
        if (storage.IsRemote)
        {
            services.AddSingleton(provider => ObjectBlobStore.Open(
                storage, provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<ObjectBlobStore>>())!);
            services.AddSingleton(provider => Measured(provider.GetRequiredService<ObjectBlobStore>(), settings));
            return;
        }

        services.AddSingleton(provider => new FileBlobStore(
            root!, storage.Filesystem.DirectWrites, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FileBlobStore>>(), settings.Limits.ConcurrentSyncs));
        services.AddSingleton(provider => Measured(provider.GetRequiredService<FileBlobStore>(), settings));
    }

    private static IBlobStore Measured(IBlobStore store, RegistrySettings settings) =>
        TelemetrySlice.IsWanted(settings) ? new MeasuredBlobStore(store) : store;
}
