using Berth.Oci;

namespace Berth.Import;

/// <summary>A registry that images are copied from, and which part of it.</summary>
/// <param name="Root">Its address, with a slash at the end.</param>
/// <param name="Host">The name under which clients know it, with its port: that of its credentials.</param>
/// <param name="Path">A repository, or what comes before the names of several; empty for all.</param>
/// <param name="IsPrefix">Whether the path ends with a slash, so that it is no repository.</param>
/// <param name="Tag">The one tag that is meant, or null.</param>
internal sealed record SourceAddress(Uri Root, string Host, string Path, bool IsPrefix, Tag? Tag)
{
    /// <summary>The name by which everybody knows a registry whose API has another host.</summary>
    private const string Hub = "docker.io";

    private const string Advice = "write https://registry.example.com/acme/app, or / at its end for all below it";

    /// <exception cref="InvalidDataException">It is no address of a registry.</exception>
    public static SourceAddress Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http"))
            throw new InvalidDataException($"'{text}' is no address of a registry: {Advice}");
        if (url.UserInfo.Length > 0)
            throw new InvalidDataException("others see a password in an address: name the user with --from-user");
        if (url.Query.Length > 0 || url.Fragment.Length > 0)
            throw new InvalidDataException($"'{text}' has more than a host and a path: {Advice}");
        var path = url.AbsolutePath.Trim('/');
        if (path == "v2") path = "";
        Tag? tag = null;
        var colon = path.LastIndexOf(':');
        if (colon >= 0)
        {
            if (!Oci.Tag.TryParse(path.AsSpan(colon + 1), out var named))
                throw new InvalidDataException($"'{path[(colon + 1)..]}' is no tag");
            (path, tag) = (path[..colon], named);
        }

        if (path.Length > 0 && !RepositoryName.TryParse(path, out _))
            throw new InvalidDataException($"'{path}' is no name of a repository: {Advice}");
        var isPrefix = path.Length == 0 || url.AbsolutePath.EndsWith('/');
        if (isPrefix && tag is not null) throw new InvalidDataException($"a tag is one of a repository: {Advice}");
        var isHub = url.IdnHost is Hub or "index." + Hub or "registry-1." + Hub;
        var host = isHub ? Hub : url.Authority;
        var address = new SourceAddress(
            new Uri($"{url.Scheme}://{(isHub ? "registry-1." + Hub : url.Authority)}/"), host, path, isPrefix, tag);
        return isPrefix ? address : address with { Path = address.FullNameOf(path) };
    }

    /// <summary>A repository's name where clients leave out the namespace of official images.</summary>
    public string FullNameOf(string name) => Host == Hub && !name.Contains('/') ? "library/" + name : name;

    /// <summary>Where a repository goes: below TO it has the name that it has below the path.</summary>
    /// <param name="repository">Its name at the source.</param>
    /// <param name="to">The name that stands for the path; null: the path itself.</param>
    public string TargetOf(string repository, string? to)
    {
        if (to is null) return repository;
        var below = repository == Path ? "" : repository[(Path.Length == 0 ? 0 : Path.Length + 1)..];
        return below.Length == 0 ? to : $"{to.TrimEnd('/')}/{below}";
    }

    /// <summary>Whether a repository is the path or lies below it.</summary>
    public bool Covers(string repository) => Path.Length == 0 || repository == Path
        || (repository.StartsWith(Path, StringComparison.Ordinal) && repository[Path.Length] == '/');
}
