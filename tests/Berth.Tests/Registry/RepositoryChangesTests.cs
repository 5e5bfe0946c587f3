using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Tests.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Registry;

/// <summary>What holds for every change of a repository, however it ends.</summary>
public sealed class RepositoryChangesTests : IAsyncLifetime
{
    private readonly TestDatabase shared = new();
    private readonly AnswerCache cache = new(maxBytes: 100_000);
    private readonly RepositoryName repository = RepositoryName.TryParse("a", out var name) ? name : default;
    private UncertainDatabase database = null!;
    private RepositoryChanges changes = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Key => ManifestTable.KeyOf(repository, "latest");

    public async ValueTask InitializeAsync()
    {
        database = new UncertainDatabase(await shared.OpenAsync());
        changes = new RepositoryChanges(database, new RepositoryTable(database, TimeProvider.System), cache);
        await KeepAnswerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await cache.DisposeAsync();
        await shared.DisposeAsync();
    }

    [Fact]
    public async Task What_was_cached_of_it_is_evicted()
    {
        await ChangeAsync();
        Assert.Null(cache.Find<string>(Key));
    }

    [Fact]
    public async Task The_cache_is_also_cleared_if_it_is_unknown_whether_the_change_was_committed()
    {
        database.LosesAnswers = true;
        await Assert.ThrowsAsync<DatabaseUnavailableException>(ChangeAsync);
        Assert.Null(cache.Find<string>(Key));
    }

    [Fact]
    public async Task A_refusal_changes_nothing_and_forgets_nothing()
    {
        Assert.False(await changes.RunAsync(
            repository, RepositoryLock.Shared, isDurable: true, _ => ValueTask.FromResult(false), Stop));
        Assert.NotNull(cache.Find<string>(Key));
        Assert.Null(await database.ReadAsync(s => RepositoryTable.FindAsync(s, repository), Stop));
    }

    [Fact]
    public async Task A_change_that_fails_is_undone_with_what_was_written_beside_it()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => changes.RunAsync<bool>(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                await change.GetIdAsync();
                change.NoteManifest("latest");
                throw new InvalidOperationException("this change fails");
            },
            Stop));
        Assert.Null(await database.ReadAsync(s => RepositoryTable.FindAsync(s, repository), Stop));
    }

    [Fact]
    public async Task Linking_a_blob_keeps_it_from_being_collected()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Distribution.Images.ScriptAsync(registry, "a");
        var blobs = registry.Services.GetRequiredService<Database>();
        foreach (var push in new[]
        {
            "POST /v2/a/blobs/uploads/?digest={sha256 layer}\n> {layer}\n201",
            "POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a\n201",
            "POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a\n201",
        })
        {
            await blobs.WriteAsync(s => s.RunAsync("UPDATE blob SET condemned_at = 1"), isDurable: false, Stop);
            await script.PlayAsync(push);
            Assert.Equal(
                [$"{script.Filled("{sha256 layer}")} 5"],
                await blobs.ReadAsync(
                    s => s.AllAsync(
                        "SELECT digest, size_bytes FROM blob WHERE condemned_at IS NULL",
                        row => $"{row.GetString(0)} {row.GetInt64(1)}"),
                    Stop));
        }
    }

    private Task<bool> ChangeAsync() => changes.RunAsync(
        repository, RepositoryLock.Exclusive, isDurable: true,
        async change =>
        {
            await change.GetIdAsync();
            change.NoteManifest("latest");
            return true;
        },
        Stop);

    private async Task KeepAnswerAsync()
    {
        await cache.GetOrLoadAsync(repository.Text, Key, () => ValueTask.FromResult<string?>("old"), _ => 10);
        Assert.NotNull(cache.Find<string>(Key));
    }

    /// <summary>A database whose answer to a commit can be lost on its way.</summary>
    private sealed class UncertainDatabase(Database inner) : Database
    {
        public bool LosesAnswers { get; set; }

        public override string Name => inner.Name;

        public override ValueTask<T> ReadAsync<T>(
            Func<Session, ValueTask<T>> query, CancellationToken cancellation = default) =>
            inner.ReadAsync(query, cancellation);

        public override async Task<T> WriteAsync<T>(
            Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default)
        {
            var result = await inner.WriteAsync(change, isDurable, cancellation);
            return LosesAnswers ? throw new DatabaseUnavailableException("the answer was lost") : result;
        }

        public override Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation) =>
            inner.ReadSnapshotAsync(work, cancellation);

        public override Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation) =>
            inner.UseAloneAsync(work, cancellation);

        public override Task<List<string>> CheckAsync(CancellationToken cancellation) =>
            inner.CheckAsync(cancellation);

        public override PostgresListener? Listen(Action<string> forget, Action forgetAll, ILogger log) => null;

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
