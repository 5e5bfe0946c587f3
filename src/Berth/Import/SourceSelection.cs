using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Import;

/// <summary>Something of a registry that can't be copied, and why.</summary>
internal sealed record LeftOut(string Kind, string Subject, string Reason);

/// <summary>Which images of a registry are copied.</summary>
/// <param name="Address">The registry, and the part of it.</param>
/// <param name="Repositories">Only these; none: all in that part.</param>
/// <param name="Tags">Only these; none: all.</param>
/// <param name="Except">But not these.</param>
/// <param name="To">What stands here for the path of the address; null: the same.</param>
internal sealed record SourceSelection(
    SourceAddress Address, IReadOnlyList<NamePattern> Repositories, IReadOnlyList<TagPattern> Tags,
    IReadOnlyList<TagPattern> Except, string? To)
{
    private const int ParallelLists = 8;

    private bool IsFiltered => Address.Tag is not null || Tags.Count > 0 || Except.Count > 0;

    /// <summary>Asks the registry what there is of it.</summary>
    /// <exception cref="SourceException">There is nothing, or it does not say.</exception>
    public async Task<(List<CopiedRepository> Copied, List<LeftOut> Left)> FindAsync(
        SourceRegistry source, CancellationToken cancellation)
    {
        var names = await NamesAsync(source, cancellation);
        if (names.Count == 0)
        {
            throw new SourceException(Address.Path.Length > 0
                ? $"there is no repository {Address.Path} at {source.Host}, and none below it that is asked for"
                : $"{source.Host} has no repository that is asked for");
        }

        var (copied, left) = (new ConcurrentBag<CopiedRepository>(), new ConcurrentBag<LeftOut>());
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = ParallelLists,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(names, parallel, async (name, stop) =>
        {
            try
            {
                if (await FindAsync(source, name, left, stop) is { Tags.Count: > 0 } one) copied.Add(one);
            }
            catch (SourceException e) when (!e.IsUnreachable)
            {
                left.Add(new LeftOut(NoteKinds.FailedRepository, name, e.Message));
            }
        });
        if (copied.IsEmpty && !left.IsEmpty && names.Count == 1) throw new SourceException(left.First().Reason);
        return ([.. copied.OrderBy(one => one.From, StringComparer.Ordinal)], [.. left]);
    }

    private async Task<List<string>> NamesAsync(SourceRegistry source, CancellationToken cancellation)
    {
        var isOne = Address.Path.Length > 0 && !Address.IsPrefix;
        if (Repositories.Count > 0 && Repositories.All(pattern => pattern.IsExact))
        {
            return [.. Repositories.Select(one => Address.FullNameOf(one.Text)).Where(Address.Covers).Distinct()];
        }

        if (isOne && Repositories.Count == 0 && await source.TagsAsync(Address.Path, cancellation) is not null)
            return [Address.Path];
        var all = await source.RepositoriesAsync(cancellation);
        return all.FindAll(name => Address.Covers(name)
            && (Repositories.Count == 0 || Repositories.Any(pattern => pattern.Matches(name))));
    }

    private async Task<CopiedRepository?> FindAsync(
        SourceRegistry source, string name, ConcurrentBag<LeftOut> left, CancellationToken cancellation)
    {
        if (!RepositoryName.TryParse(name, out _)
            || !RepositoryName.TryParse(Address.TargetOf(name, To), out var target))
        {
            left.Add(new LeftOut(
                NoteKinds.InvalidName, SourceClient.Shown(name), "no repository can have this name here"));
            return null;
        }

        var all = await source.TagsAsync(name, cancellation)
            ?? throw new SourceException($"there is no repository {name} at {source.Host}");
        var tags = new List<Tag>();
        foreach (var text in all.Where(IsWanted))
        {
            if (Tag.TryParse(text, out var tag)) tags.Add(tag);
            else left.Add(new LeftOut(NoteKinds.InvalidName, name, $"'{SourceClient.Shown(text)}' is no tag"));
        }

        if (Address.Tag is { } one && tags.Count == 0)
            throw new SourceException($"there is no {name}:{one} at {source.Host}");
        return new CopiedRepository(name, target, tags, all.ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>What is attached to images comes with those that are wanted.</summary>
    private bool IsWanted(string tag) => !IsFiltered || (AttachmentTag.SubjectOf(tag) is null
        && (Address.Tag is not { } one || one.Text == tag)
        && (Tags.Count == 0 || Tags.Any(pattern => pattern.IsMatch(tag)))
        && !Except.Any(pattern => pattern.IsMatch(tag)));
}
