using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Finds the groups of a user: those that an attribute of the entry lists, and those that a search finds. Then the
/// groups that hold these, level by level; one that was found before is not followed again.
/// </summary>
internal sealed partial class LdapGroups(LdapSettings settings, ILogger log)
{
    /// <summary>The name of an attribute that means the DN, for <c>auth.ldap.groupnameattribute</c>.</summary>
    private const string WholeDn = "dn";

    /// <summary>Asks for no attributes (RFC 4511, section 4.5.1.8).</summary>
    private const string NoAttributes = "1.1";

    /// <summary>Groups whose holders are searched for at once, so that filters stay small.</summary>
    private const int GroupsPerSearch = 50;

    private static readonly LdapFilter Anything = LdapFilter.Parse("(objectClass=*)");

    private readonly LdapFilter filter = LdapFilter.Parse(settings.GroupFilter);

    private readonly string[] attributes =
    [
        settings.GroupNameAttribute == WholeDn ? NoAttributes : settings.GroupNameAttribute,
        .. settings.GroupAttribute is { } attribute ? [attribute] : Array.Empty<string>(),
    ];

    public bool AreKnown => settings.GroupAttribute is not null || settings.GroupBase is not null;

    /// <summary>The names of the groups, each once.</summary>
    /// <exception cref="LdapException">The server refuses a search.</exception>
    public async Task<IReadOnlyList<string>> FindAsync(
        LdapConnection connection, LdapEntry user, string name, CancellationToken cancellation)
    {
        var found = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var level = await HoldersAsync(
            connection, [user], [new LdapFilterValues(name, user.Dn)], found, isLast: settings.NestedGroups == 0,
            cancellation);
        for (var depth = 1; depth <= settings.NestedGroups && level.Count > 0; depth++)
        {
            level = await HoldersAsync(
                connection, level, [.. level.Select(group => new LdapFilterValues(name, group.Dn))], found,
                isLast: depth == settings.NestedGroups, cancellation);
        }

        if (found.Count > settings.MaxGroups) LogTooMany(user.Dn, settings.MaxGroups);
        return [.. found.Values.Take(settings.MaxGroups).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    /// <summary>The groups that hold any of these, and were not found before.</summary>
    private async Task<List<LdapEntry>> HoldersAsync(
        LdapConnection connection, IReadOnlyList<LdapEntry> members, IReadOnlyList<LdapFilterValues> values,
        Dictionary<string, string?> found, bool isLast, CancellationToken cancellation)
    {
        var holders = new List<LdapEntry>();
        if (settings.GroupBase is not null)
        {
            foreach (var some in values.Chunk(GroupsPerSearch))
            {
                foreach (var entry in await SearchAsync(connection, some, cancellation))
                    Add(entry, found, holders);
            }
        }

        if (settings.GroupAttribute is not { } attribute) return holders;
        foreach (var dn in members.SelectMany(member => member.Texts(attribute)))
        {
            if (found.Count > settings.MaxGroups) break;
            if (found.ContainsKey(dn)) continue;
            var isNamed = settings.GroupNameAttribute == WholeDn
                || LdapName.FirstValue(dn, settings.GroupNameAttribute) is not null;
            if (isLast && isNamed) Add(new LdapEntry(dn, []), found, holders);
            else if (await ReadAsync(connection, dn, cancellation) is { } entry) Add(entry, found, holders, dn);
            else Add(new LdapEntry(dn, []), found, holders);
        }

        return holders;
    }

    private void Add(
        LdapEntry group, Dictionary<string, string?> found, List<LdapEntry> holders, string? knownAs = null)
    {
        if (found.Count > settings.MaxGroups || !found.TryAdd(knownAs ?? group.Dn, NameOf(group))) return;
        holders.Add(group);
    }

    private string? NameOf(LdapEntry group)
    {
        var attribute = settings.GroupNameAttribute;
        if (attribute == WholeDn) return group.Dn;
        return LdapName.FirstValue(group.Dn, attribute) ?? group.Text(attribute);
    }

    private async Task<List<LdapEntry>> SearchAsync(
        LdapConnection connection, IReadOnlyList<LdapFilterValues> values, CancellationToken cancellation)
    {
        var filters = values.Select(value => filter.With(value)).ToList();
        var search = new LdapSearch(
            settings.GroupBase!, IsWholeTree: true, filters.Count == 1 ? filters[0] : LdapFilter.AnyOf(filters),
            attributes, SizeLimit: 0, settings.PageSize);
        var (result, entries) = await connection.SearchAsync(search, settings.MaxGroups, cancellation);
        if (result.Code == LdapResult.SizeLimitExceeded) LogCutShort(entries.Count);
        else if (result.Code != LdapResult.Success)
            throw new LdapException($"the search under auth.ldap.groupbase failed: {result}");
        return entries;
    }

    /// <summary>A group by its DN; null if Berth's account can't read it.</summary>
    private async Task<LdapEntry?> ReadAsync(LdapConnection connection, string dn, CancellationToken cancellation)
    {
        var search = new LdapSearch(dn, IsWholeTree: false, Anything, attributes, SizeLimit: 1, PageSize: 0);
        var (result, entries) = await connection.SearchAsync(search, most: 1, cancellation);
        if (result.Code is LdapResult.Success) return entries.FirstOrDefault();
        if (result.Code is LdapResult.NoSuchObject or LdapResult.InsufficientAccessRights) return null;
        throw new LdapException($"a group can't be read: {result}");
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Dn} is in more groups than auth.ldap.maxgroups, {Most}; the others are ignored")]
    private partial void LogTooMany(string dn, int most);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The directory sends no more than {Count} groups; the others are ignored. A smaller "
            + "auth.ldap.pagesize may help")]
    private partial void LogCutShort(int count);
}
