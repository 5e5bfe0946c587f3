using System.Reflection;
using System.Text;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Registry;

/// <summary>What a push of a manifest makes of blobs that change while it runs.</summary>
public class ManifestWriterTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_damaged_blob_that_is_healed_during_the_push_of_its_manifest_is_no_reason_to_refuse_it()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "a");
        var result = await PushAsync(registry, isHealed: true);
        Assert.Equal((ManifestRefusal.None, ""), (result.Refusal, result.Reason));
        Assert.DoesNotContain(registry.Log, line => line.Contains("should have 5 bytes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_blob_that_stays_damaged_is_named_by_the_refusal_and_told_in_the_log_once()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "a");
        for (var i = 0; i < 3; i++)
        {
            var result = await PushAsync(registry, isHealed: false);
            Assert.Equal(ManifestRefusal.ReferencesUnknown, result.Refusal);
            Assert.Equal([StoreWithDamage.Layer.Text], result.Missing);
        }

        Assert.Single(registry.Log, line => line.Contains("should have 5 bytes but has 1:", StringComparison.Ordinal));
    }

    private static Task<ManifestResult> PushAsync(RegistryFixture registry, bool isHealed)
    {
        var body = Encoding.UTF8.GetBytes(Images.Oci());
        var services = registry.Services;
        var writer = new ManifestWriter(
            services.GetRequiredService<RepositoryChanges>(), services.GetRequiredService<ManifestTable>(),
            services.GetRequiredService<TagTable>(), services.GetRequiredService<TagRules>(),
            services.GetRequiredService<Restoring>(), services.GetRequiredService<ImageInspection>(),
            StoreWithDamage.Over(services.GetRequiredService<IBlobStore>(), isHealed),
            services.GetRequiredService<RepositoryBlobs>(), services.GetRequiredService<Quotas>(),
            services.GetRequiredService<IPushRules>(), new ValidationSettings(), new LimitSettings(),
            new ContentsSettings());
        var push = new ManifestPush(
            Blobs.StoreUse.Repository, Digest.Of(DigestAlgorithm.Sha256, body), body, MediaTypes.OciManifest, [],
            Precondition: null, new Actor("somebody"));
        return writer.WriteAsync(push, Stop);
    }
}

/// <summary>A store whose layer is damaged: always, or until it was asked for it once.</summary>
public class StoreWithDamage : DispatchProxy
{
    private IBlobStore inner = null!;
    private bool isHealed;
    private bool wasAsked;

    internal static Digest Layer { get; } =
        Digest.Of(DigestAlgorithm.Sha256, Encoding.UTF8.GetBytes(Images.Layer));

    internal static IBlobStore Over(IBlobStore store, bool isHealed)
    {
        var proxy = Create<IBlobStore, StoreWithDamage>();
        ((StoreWithDamage)(object)proxy).inner = store;
        ((StoreWithDamage)(object)proxy).isHealed = isHealed;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var answer = targetMethod!.Invoke(inner, args);
        if (targetMethod.Name != nameof(IBlobStore.MakeDurableAsync) || (wasAsked && isHealed)) return answer;
        wasAsked = true;
        return DamageAsync((Task<IReadOnlyDictionary<Digest, long>>)answer!);
    }

    private static async Task<IReadOnlyDictionary<Digest, long>> DamageAsync(
        Task<IReadOnlyDictionary<Digest, long>> answer) =>
        new Dictionary<Digest, long>(await answer) { [Layer] = 1 };
}
