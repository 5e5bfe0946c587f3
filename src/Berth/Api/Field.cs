using Berth.Access;
using Berth.Oci;

namespace Berth.Api;

/// <summary>Checks the fields of requests that are text.</summary>
internal static class Field
{
    /// <summary>What is wrong with one of some optional texts; null if nothing is.</summary>
    public static ApiError? FindFault(params ReadOnlySpan<(string Name, string? Text)> fields) =>
        AccountText.FindFault(fields, out var field) is { } fault ? ApiError.Invalid(fault).At(field) : null;

    /// <summary>A changed text: null leaves what is there, and an empty one removes it.</summary>
    public static string? Change(string? present, string? sent) => sent switch
    {
        null => present,
        "" => null,
        _ => sent,
    };

    /// <summary>
    /// What is wrong with the source of an identity or a group; null if there is such a directory. Nobody could sign in
    /// with another one, and whoever writes it would believe otherwise.
    /// </summary>
    public static ApiError? FindUnknownSource(string source, IReadOnlyList<string> known)
    {
        if (known.Contains(source)) return null;
        var present = known.Count == 0 ? "no auth.ldap and no auth.oidc" : string.Join(", ", known);
        return ApiError.Invalid($"source: '{source}' is not in the settings, which have {present}").At("source");
    }

    /// <summary>Reads patterns of repositories.</summary>
    public static ApiError? TryRead(IEnumerable<string> texts, out List<NamePattern> patterns)
    {
        patterns = [];
        foreach (var text in texts)
        {
            if (!NamePattern.TryParse(text ?? "", out var pattern)) return InvalidPattern(text ?? "");
            patterns.Add(pattern);
        }

        return null;
    }

    /// <summary>Reads what a grant allows: a role or actions, and not both.</summary>
    public static ApiError? TryRead(Role? role, IReadOnlyList<string>? names, out AccessAction actions)
    {
        actions = AccessAction.SignIn;
        if (role is null == names is null) return ApiError.Invalid("give either role or actions").At("role");
        if (role == Role.Member)
            return ApiError.Invalid("member is a role in an organization, and allows nothing").At("role");
        if (role is { } known) actions = Roles.ActionsOf(known);
        else if (Roles.TryRead(names!) is { } read) actions = read;
        else return InvalidActions();
        return null;
    }

    public static ApiError InvalidActions() =>
        ApiError.Invalid("actions are one or more of pull, push, delete, manage and own").At("actions");

    public static ApiError InvalidPattern(string text) => ApiError.Invalid(
        $"'{text}' is not a valid pattern: write acme/app for one repository, acme/* for those directly in acme, or "
        + "acme/** for all below it").At("names");

    public static ApiError InvalidName(string text) =>
        ApiError.Invalid(AccountText.FaultOfName(text)).At("name");
}
