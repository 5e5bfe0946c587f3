using System.Text.Json;
using Berth.Oci;

namespace Berth.Access;

/// <summary>What a request wants to do. Each route names its action.</summary>
[Flags]
internal enum AccessAction
{
    /// <summary>Only to learn that this is a registry, and to have credentials checked.</summary>
    SignIn = 0,
    Pull = 1,
    Push = 2,
    Delete = 4,
    Catalog = 8,

    /// <summary>Change what a repository shows of itself, and to whom.</summary>
    Manage = 16,

    /// <summary>Decide who may do what in it.</summary>
    Own = 32,
}

/// <summary>
/// A resource and what may be done with it, as in the scope of a token (distribution, "Token Scope Documentation").
/// </summary>
/// <param name="Type"><c>repository</c> or <c>registry</c>.</param>
/// <param name="Name">The repository's name, or <c>catalog</c>.</param>
/// <param name="Actions">All that may be done with it.</param>
internal sealed record AccessScope(string Type, string Name, AccessAction Actions)
{
    private const string Repository = "repository";
    private const string Registry = "registry";
    private const string Catalog = "catalog";

    private static readonly (string Name, AccessAction Action)[] RepositoryActions =
        [("pull", AccessAction.Pull), ("push", AccessAction.Push), ("delete", AccessAction.Delete)];

    /// <summary>The scope that a client must ask for; null if signing in is enough.</summary>
    public static AccessScope? For(AccessAction action, RepositoryName? repository)
    {
        if (action == AccessAction.Catalog) return new AccessScope(Registry, Catalog, action);
        if (repository is not { } name) return null;

        // A push first checks what is there; distribution asks for both too.
        var actions = action == AccessAction.Push ? AccessAction.Push | AccessAction.Pull : action;
        return new AccessScope(Repository, name.Text, actions);
    }

    /// <summary>
    /// Parses one <c>type:name:action,action</c>. Null for what does not exist here, which is then not granted: asking
    /// for too much is not an error.
    /// </summary>
    public static AccessScope? Parse(ReadOnlySpan<char> text)
    {
        // A name may have colons of its own.
        var (first, last) = (text.IndexOf(':'), text.LastIndexOf(':'));
        return first < 0 || first == last ? null : Create(text[..first], text[(first + 1)..last], text[(last + 1)..]);
    }

    /// <summary>Reads an element of a token's <c>access</c>. Null for what does not exist here.</summary>
    public static AccessScope? Read(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object
            || !json.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String
            || !json.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String
            || !json.TryGetProperty("actions", out var actions) || actions.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var words = actions.EnumerateArray().Where(action => action.ValueKind == JsonValueKind.String);
        return Create(type.GetString(), name.GetString(), string.Join(',', words.Select(word => word.GetString())));
    }

    /// <summary>Writes an element of a token's <c>access</c>.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", Type);
        json.WriteString("name", Name);
        json.WriteStartArray("actions");
        foreach (var action in ActionNames()) json.WriteStringValue(action);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>More than <see cref="Write"/> writes: names have no characters that JSON escapes.</summary>
    public int MostBytes => Name.Length + 128;

    /// <summary>Whether it covers this action.</summary>
    /// <param name="action">One of them.</param>
    /// <param name="repository">Where; null if it concerns no repository.</param>
    public bool Covers(AccessAction action, string? repository) =>
        (Actions & action) == action && (action == AccessAction.Catalog
            ? Type == Registry && Name == Catalog
            : Type == Repository && (Name == repository || IsOfficial(action, repository)));

    /// <summary>The repository it concerns, or null.</summary>
    public RepositoryName? Target =>
        Type == Repository && RepositoryName.TryParse(Name, out var repository) ? repository : null;

    /// <summary>The same as a right; null if it concerns no repository.</summary>
    public Grant? ToGrant(string through) =>
        Target is { } repository ? new Grant(NamePattern.ForRepository(repository), Actions, through) : null;

    public override string ToString() => $"{Type}:{Name}:{string.Join(',', ActionNames())}";

    /// <summary>The scope's actions, one by one.</summary>
    public IEnumerable<AccessAction> EachAction() => Type == Registry
        ? [AccessAction.Catalog]
        : RepositoryActions.Select(known => known.Action).Where(action => (Actions & action) != 0);

    private static AccessScope? Create(
        ReadOnlySpan<char> type, ReadOnlySpan<char> name, ReadOnlySpan<char> actions)
    {
        if (type is Registry && name is Catalog)
        {
            // docker search asks for "search", which shows the same as the whole list.
            return actions is "*" or "search" ? new AccessScope(Registry, Catalog, AccessAction.Catalog) : null;
        }

        // repository(plugin) is deprecated, with the same meaning.
        var bracket = type.IndexOf('(');
        if (bracket > 0) type = type[..bracket];
        if (type is not Repository || !RepositoryName.TryParse(name, out var repository)) return null;
        var granted = AccessAction.SignIn;
        foreach (var part in actions.Split(','))
        {
            foreach (var (known, action) in RepositoryActions)
            {
                if (actions[part] is "*" || actions[part].SequenceEqual(known)) granted |= action;
            }
        }

        return granted == AccessAction.SignIn ? null : new AccessScope(Repository, repository.Text, granted);
    }

    /// <summary>A client that pulls <c>nginx</c> may get <c>library/nginx</c>, and asks for no other scope.</summary>
    private bool IsOfficial(AccessAction action, string? repository) => action == AccessAction.Pull
        && repository is not null && repository.Length == OfficialNames.Prefix.Length + Name.Length
        && repository.StartsWith(OfficialNames.Prefix, StringComparison.Ordinal)
        && repository.EndsWith(Name, StringComparison.Ordinal);

    private IEnumerable<string> ActionNames() => Type == Registry
        ? ["*"]
        : RepositoryActions.Where(known => (Actions & known.Action) != 0).Select(known => known.Name);
}
