using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Policies;

/// <summary>
/// Says whether images may be pulled, pushed and promoted. What was found is remembered: as long as policies stay as
/// they are, a pull costs one look into memory. An image that is let through is looked at again after a minute; one
/// that is not, after two seconds, so that whoever signs it does not wait.
/// </summary>
/// <param name="database">Where they are.</param>
/// <param name="known">The policies.</param>
/// <param name="judge">Finds out what they have against images.</param>
/// <param name="rules">Who may know whom they exempt; null for commands on the database, which do not pull.</param>
/// <param name="clock">The time.</param>
/// <param name="limits">How large manifests are.</param>
internal sealed class ImagePolicies(
    Database database, KnownPolicies known, PolicyJudge judge, AccessRules? rules, TimeProvider clock,
    LimitSettings limits) : IPushRules
{
    private const int MaxImages = 10_000;
    private const long CacheBytes = 16 << 20;

    private static readonly TimeSpan KeepsGood = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan KeepsBad = TimeSpan.FromSeconds(2);

    /// <summary>While the database is away, what was found before still counts.</summary>
    private readonly BoundedCache<Remembered> cache = new(CacheBytes);

    private readonly ConcurrentDictionary<string, Task<Remembered>> running = new(StringComparer.Ordinal);

    /// <summary>What policies say of a pull; null if nothing.</summary>
    /// <param name="caller">Who pulls.</param>
    /// <param name="repository">Where.</param>
    /// <param name="manifest">What.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<PolicyWord?> OfPullAsync(
        Caller caller, RepositoryName repository, StoredManifest manifest, CancellationToken cancellation)
    {
        var (version, isAny) = await known.CurrentAsync(cancellation);
        if (!isAny || MediaTypes.IsIndex(manifest.MediaType) || caller.IsScanner || IsPushing(caller, repository))
            return null;
        var found = await FindAsync(version, repository, manifest.Digest, cancellation);
        if (found.Count == 0) return null;

        // Others may have the name of an account: they come from elsewhere, or nobody has checked it.
        var account = caller.Kind is CallerKind.User or CallerKind.Robot ? caller.Name : null;
        var isNamed = found.Any(one => one.Unsigned is not null)
            && await MaySeeAsync(caller, repository, cancellation);
        return PolicyWord.Of(repository, manifest.Digest, "be pulled", found, account, isNamed);
    }

    /// <summary>What policies say of pointing tags to manifests, or copying them.</summary>
    /// <param name="account">Who does it.</param>
    /// <param name="from">Where they are.</param>
    /// <param name="to">Where they will be.</param>
    /// <param name="images">The images, without indexes.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<PolicyWord?> OfPromotionAsync(
        string account, RepositoryName from, RepositoryName to, IReadOnlyList<Digest> images,
        CancellationToken cancellation)
    {
        var asked = (await known.OfAsync(to, cancellation)).On(PolicyMoments.Promotion);
        if (asked.Policies.Count == 0) return null;
        PolicyWord? warning = null;
        foreach (var image in images)
        {
            var found = await judge.JudgeAsync(from, image, asked, cancellation, to: to);
            if (found.Count == 0 || PolicyWord.Of(from, image, "be promoted", found, account) is not { } word) continue;
            if (word.IsRefusal) return word;
            warning ??= word;
        }

        return warning;
    }

    /// <summary>Whether anything is asked of what is promoted to a repository.</summary>
    public async ValueTask<bool> AskOnPromotionAsync(RepositoryName to, CancellationToken cancellation) =>
        (await known.OfAsync(to, cancellation)).Policies.Any(one => one.IsOn(PolicyMoments.Promotion));

    public async ValueTask<PushWord?> OfPushAsync(
        ManifestPush push, Manifest manifest, ImageFacts facts, CancellationToken cancellation)
    {
        if (!(await known.CurrentAsync(cancellation)).IsAny) return null;
        var all = await known.OfAsync(push.Repository, cancellation);
        if (all.On(PolicyMoments.Promotion).Policies.Count > 0
            && await OfTagsAsync(push, cancellation) is { } word)
        {
            return word;
        }

        var asked = all.On(PolicyMoments.Push);
        return asked.Policies.Count == 0 || MediaTypes.IsIndex(manifest.MediaType)
            ? null : await OfPushAsync(push, manifest, facts, asked, cancellation);
    }

    private async Task<PushWord?> OfPushAsync(
        ManifestPush push, Manifest manifest, ImageFacts facts, RepositoryPolicies asked,
        CancellationToken cancellation)
    {
        var image = JudgedImage.Of(
            push.Digest, ImageOutline.Read(push.Body, manifest.MediaType, limits.ReferencesPerManifest),
            facts.LabelsJson, facts.BuiltAt, clock.GetUtcNow());
        var found = await judge.JudgePushedAsync(image, asked, cancellation);
        return found.Count > 0
            && PolicyWord.Of(push.Repository, push.Digest, "be pushed", found, push.Actor.Name) is { } word
            ? new PushWord(word.IsRefusal, word.Text) : null;
    }

    /// <summary>The push of a manifest that is there is one of its tags: crane tag and the like promote so.</summary>
    private async Task<PushWord?> OfTagsAsync(ManifestPush push, CancellationToken cancellation)
    {
        var images = await database.ReadAsync(
            async session =>
            {
                if (push.Tags.Count == 0 || await RepositoryTable.FindAsync(session, push.Repository) is not { } id
                    || !await ManifestTable.ExistsAsync(session, id, push.Digest))
                {
                    return [];
                }

                foreach (var tag in push.Tags)
                {
                    if (await TagTable.FindAsync(session, id, tag) != push.Digest.Text)
                        return await JudgedImageTable.ImagesOfAsync(session, id, [push.Digest.Text], MaxImages);
                }

                return [];
            },
            cancellation);
        var word = images.Count == 0 ? null : await OfPromotionAsync(
            push.Actor.Name, push.Repository, push.Repository, images, cancellation);
        return word is null ? null : new PushWord(word.IsRefusal, word.Text);
    }

    /// <summary>
    /// Clients ask for what they are about to push; they would give up if that were refused. So a token that allows
    /// pushing, which pulls never ask for, gets around policies. Whoever may have one can push the image anyway.
    /// </summary>
    private static bool IsPushing(Caller caller, RepositoryName repository)
    {
        if (caller.Scopes is not { } scopes) return false;
        for (var i = 0; i < scopes.Count; i++)
        {
            if (scopes[i].Covers(AccessAction.Push, repository.Text)) return true;
        }

        return false;
    }

    /// <summary>Whether a caller may know whom policies exempt: who manages the repository, whatever their token is
    /// limited to.</summary>
    private async ValueTask<bool> MaySeeAsync(
        Caller caller, RepositoryName repository, CancellationToken cancellation) =>
        rules is not null && caller.Kind is CallerKind.User or CallerKind.Robot
        && await rules.AskAsync(
            caller with { Scopes = null }, AccessAction.Manage, repository, cancellation) == AccessAnswer.Allowed;

    private ValueTask<IReadOnlyList<Objection>> FindAsync(
        long version, RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        Span<char> key = stackalloc char[repository.Text.Length + 1 + digest.Text.Length];
        repository.Text.CopyTo(key);
        key[repository.Text.Length] = '@';
        digest.Text.CopyTo(key[(repository.Text.Length + 1)..]);
        return cache.TryGet(key, out var found) && found.Version == version && clock.GetTimestamp() < found.Until
            ? new ValueTask<IReadOnlyList<Objection>>(found.Objections)
            : LoadAsync(key.ToString(), version, repository, digest, cancellation);
    }

    /// <summary>However many wait, it is found out once.</summary>
    private async ValueTask<IReadOnlyList<Objection>> LoadAsync(
        string key, long version, RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        // It goes on for the others if this one gives up.
        var task = running.GetOrAdd(
            key, _ => Task.Run(() => LoadAsync(key, repository, digest), CancellationToken.None));
        try
        {
            var found = await task.WaitAsync(cancellation);

            // Others may have begun before policies changed.
            return found.Version >= version ? found.Objections : (await LoadAsync(key, repository, digest)).Objections;
        }
        catch (DatabaseUnavailableException)
        {
            if (cache.TryGet(key, out var before)) return before.Objections;
            throw;
        }
        finally
        {
            running.TryRemove(KeyValuePair.Create(key, task));
        }
    }

    private async Task<Remembered> LoadAsync(string key, RepositoryName repository, Digest digest)
    {
        // The policies first: a change in between makes what is found too old, and never too new.
        var asked = (await known.OfAsync(repository, CancellationToken.None)).On(PolicyMoments.Pull);
        var found = await judge.JudgeAsync(repository, digest, asked, CancellationToken.None);
        var until = clock.GetTimestamp()
            + (long)((found.Count == 0 ? KeepsGood : KeepsBad).TotalSeconds * clock.TimestampFrequency);
        var remembered = new Remembered(asked.Version, found, until);
        cache.Set(key, remembered, remembered.SizeBytes + (key.Length * 2));
        return remembered;
    }

    private sealed record Remembered(long Version, IReadOnlyList<Objection> Objections, long Until)
    {
        public long SizeBytes => 200 + Objections.Sum(one => 200 + one.Reasons().Sum(reason => reason.Length * 2));
    }
}

/// <summary>What policies say of an image, for those who asked.</summary>
/// <param name="IsRefusal">Whether it is refused; else it is a warning.</param>
/// <param name="Text">Which policies, why, and what to do.</param>
internal sealed record PolicyWord(bool IsRefusal, string Text)
{
    private const int MaxChars = 1500;

    /// <summary>The objections that count for an account; null if none do.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="image">What.</param>
    /// <param name="what">What it may not.</param>
    /// <param name="found">The objections.</param>
    /// <param name="account">Who asks; null for who has none.</param>
    /// <param name="isNamed">Whether they may know whom the policies exempt.</param>
    public static PolicyWord? Of(
        RepositoryName repository, Digest image, string what, IReadOnlyList<Objection> found, string? account,
        bool isNamed = false)
    {
        var counting = found.Where(one => account is null || !one.Policy.Exempts(account)).ToList();
        if (counting.Count == 0) return null;
        var refusals = counting.FindAll(one => !one.OnlyWarns);
        var isRefusal = refusals.Count > 0;
        var said = string.Join("; ", (isRefusal ? refusals : counting).Select(
            one => $"{one.Policy.Name}: {string.Join("; ", one.Reasons(isNamed))}"));
        var text = isRefusal
            ? $"{repository}@{ShortOf(image)} may not {what} by {said}"
            : $"{repository}@{ShortOf(image)}, {said}";
        return new PolicyWord(isRefusal, Cut(text));
    }

    /// <summary>Cuts what is too long, between words.</summary>
    private static string Cut(string text)
    {
        if (text.Length <= MaxChars) return text;
        var end = text.LastIndexOf(' ', MaxChars - 2);
        return text[..(end > 0 ? end : MaxChars - 2)] + " …";
    }

    /// <summary>The value of a Warning header (RFC 7234, 5.5), which is ASCII.</summary>
    public static string HeaderOf(string text)
    {
        var value = new StringBuilder("299 - \"", text.Length + 10);
        foreach (var c in text)
        {
            if (c is '"' or '\\') value.Append('\\').Append(c);
            else value.Append(c is >= ' ' and <= '~' ? c : '?');
        }

        return value.Append('"').ToString();
    }

    private static string ShortOf(Digest digest) =>
        string.Create(CultureInfo.InvariantCulture, $"{digest.Text.AsSpan(0, Math.Min(digest.Text.Length, 19))}");
}
