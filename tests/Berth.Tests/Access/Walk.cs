using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Berth.Tests.Access;

/// <summary>What somebody got.</summary>
internal sealed partial record WalkAnswer(int Status, string Headers, string Body)
{
    private static readonly string[] ClaimsOfTheMoment = ["jti", "iat", "nbf", "exp"];

    /// <summary>Without what differs between any two answers: names, too, which may be words of an error.</summary>
    public string Without(params IEnumerable<string> places)
    {
        var body = RequestId().Replace(IssueTime().Replace(Token().Replace(Body, ClaimsOf), ""), "");
        var all = $"{Status}\n{Headers}\n{body}";
        return WithoutUploads(places.Aggregate(all, (text, place) => text.Replace(place, "NAME")));
    }

    /// <summary>Uploads that differ in nothing but their ids.</summary>
    public static string WithoutUploads(string answer) => Upload().Replace(answer, "UPLOAD");

    /// <summary>An access token says as much as the rest of the answer.</summary>
    private static string ClaimsOf(Match token)
    {
        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(token.Groups[1].ValueSpan))!.AsObject();
        foreach (var claim in ClaimsOfTheMoment) claims.Remove(claim);
        return claims.ToJsonString();
    }

    [GeneratedRegex(@"eyJ[\w-]+\.([\w-]+)\.[\w-]+")]
    private static partial Regex Token();

    [GeneratedRegex(@"\b[0-9a-f]{32}\b")]
    private static partial Regex Upload();

    /// <summary>As pages of errors show it.</summary>
    [GeneratedRegex(@"Request [0-9A-Z]+:[0-9A-F]+")]
    private static partial Regex RequestId();

    [GeneratedRegex("\"issued_at\":\"[^\"]+\"")]
    private static partial Regex IssueTime();
}

/// <summary>A difference between what is hidden and what is absent.</summary>
internal sealed record Leak(WalkedRoute Route, string Actor, string Query, WalkAnswer Hidden, WalkAnswer Absent)
{
    public override string ToString() => $"{Actor}: {Route}{Query}\n{Hidden}\n{Absent}";
}

/// <summary>A registry with callers of every kind, who ask it for every route.</summary>
internal sealed class Walk(RegistryFixture registry, WalkActors actors)
{
    /// <summary>The walk is a thousand small requests, and the machine has a few cores.</summary>
    private const int AtOnce = 8;

    /// <summary>Writes come last, since they may change what is read.</summary>
    private enum Phase
    {
        Reading,
        Pushing,
        Changing,
        Ending,
    }

    private static readonly string[] OfTheMoment = ["Date", "X-Request-ID"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Who walks.</summary>
    public IReadOnlyList<WalkActor> Actors => actors.All;

    /// <summary>All routes.</summary>
    public List<WalkedRoute> Routes { get; } = WalkedRoutes.Of(registry);

    /// <summary>Changes an answer on its way, so that a test can make a hole.</summary>
    public Func<WalkedRoute, string, WalkAnswer, WalkAnswer>? Alter { get; init; }

    /// <summary>The lines of the golden file, a paragraph for each route.</summary>
    public async Task<string> WriteTableAsync()
    {
        var paragraphs = new string[Routes.Count];
        foreach (var (index, route) in Routes.Index().OrderBy(each => PhaseOf(each.Item)))
            paragraphs[index] = await WriteAsync(route);
        return string.Concat(paragraphs);
    }

    /// <summary>Where what is hidden from somebody answers them in another way than what does not exist.</summary>
    public async Task<List<Leak>> FindLeaksAsync(Func<WalkedRoute, bool>? which = null)
    {
        var asked =
            from route in Routes.Concat(WalkedRoutes.OtherWays)
            where route.IsOfPlaces && which?.Invoke(route) != false
            from actor in Actors
            from pair in HiddenFrom(actor, route)
            from query in WalkedRoutes.QueriesOf(route)
            select (Route: route, Actor: actor, Pair: pair, Query: query);
        var leaks = new List<Leak>();
        await ForEachAsync(asked, async each =>
        {
            var (route, actor, (hidden, absent), query) = each;
            var shown = await AskAsync(actor, route, hidden, query);
            var other = await AskAsync(actor, route, absent, query);
            if (shown.Without(hidden, absent) == other.Without(hidden, absent)) return;
            lock (leaks) leaks.Add(new Leak(route, actor.Name, query, shown, other));
        });
        return leaks;
    }

    public async Task<WalkAnswer> AskAsync(WalkActor actor, WalkedRoute route, string place, string query = "")
    {
        var path = actor.Fill(route.Path, place) + query;
        using var request = new HttpRequestMessage(new HttpMethod(route.Method), new Uri(registry.BaseAddress, path));
        actor.Sign(request, registry);
        request.Content = ContentOf(actor, route, place);

        // Whoever may write is told that something has changed meanwhile, and has written nothing.
        if (path.StartsWith("/api/", StringComparison.Ordinal) && route.Method is not "GET")
            request.Headers.TryAddWithoutValidation("If-Match", "\"999999\"");
        using var response = await registry.Client.SendAsync(request, Stop);
        var headers = response.Headers.Concat(response.Content.Headers)
            .Where(h => !OfTheMoment.Contains(h.Key, StringComparer.OrdinalIgnoreCase))
            .Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").Order(StringComparer.Ordinal);
        var answer = new WalkAnswer(
            (int)response.StatusCode, string.Join('\n', headers), await response.Content.ReadAsStringAsync(Stop));
        return Alter?.Invoke(route, place, answer) ?? answer;
    }

    /// <summary>Places that somebody may not see, each with one that is as absent to them.</summary>
    private static IEnumerable<(string Hidden, string Absent)> HiddenFrom(WalkActor actor, WalkedRoute route)
    {
        // Where the path names it anyway, the answer may too.
        if (!actor.MaySee && !route.Path.Contains("/team/", StringComparison.Ordinal))
            yield return (route.PlaceOf("team"), route.PlaceOf("gone"));
        if (!actor.IsStaff) yield return (route.PlaceOf("else"), route.PlaceOf("none"));
    }

    private static HttpContent? ContentOf(WalkActor actor, WalkedRoute route, string place)
    {
        if (route.Method is not ("PUT" or "PATCH" or "POST")) return null;
        if (route.Path.StartsWith("/api/", StringComparison.Ordinal))
        {
            var body = route.Body is null ? "{}" : actor.Fill(route.Body, place);
            return new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (route.Shown != "/token") return new ByteArrayContent([]);
        return new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "password",
            ["service"] = "berth",
            ["client_id"] = "walk",
            ["scope"] = $"repository:{place}/app:pull,push",
            ["username"] = actor.Login.Name,
            ["password"] = actor.Login.Password,
        });
    }

    /// <summary>Callers who get the same are on one line.</summary>
    private async Task<string> WriteAsync(WalkedRoute route)
    {
        var answers = new (string Answer, string Actor)[Actors.Count];
        await ForEachAsync(Actors.Index(), async each =>
        {
            var actor = route.EndsSignIns && each.Item.Renew is { } renew ? await renew() : each.Item;
            var words = new List<string>();
            foreach (var place in route.Places)
            {
                var word = WordOf(route, await AskAsync(actor, route, place));
                words.Add(place == "-" ? word : $"{place} {word}");
            }

            answers[each.Index] = (string.Join("  ", words), actor.Name);
        });
        var text = new StringBuilder($"{route}\n");
        foreach (var group in answers.GroupBy(each => each.Answer, each => each.Actor))
        {
            var names = group.ToList();
            text.Append($"  {group.Key}\n").Append(Wrapped(names.Count == Actors.Count ? ["everyone"] : names));
        }

        return text.Append('\n').ToString();
    }

    /// <summary>The status, and what a token is good for.</summary>
    private static string WordOf(WalkedRoute route, WalkAnswer answer)
    {
        if (route.Shown != "/token" || answer.Status != 200) return $"{answer.Status}";
        var scope = (string?)JsonNode.Parse(answer.Body)!["scope"] ?? "";
        return scope.Length == 0 ? "200 nothing" : $"200 {scope.Split(':')[^1]}";
    }

    private static string Wrapped(IEnumerable<string> names)
    {
        var (text, column) = (new StringBuilder(), 120);
        foreach (var name in names)
        {
            if (column + name.Length + 2 > 120)
            {
                text.Append(text.Length == 0 ? "      " : ",\n      ");
                column = 6;
            }
            else
            {
                text.Append(", ");
                column += 2;
            }

            text.Append(name);
            column += name.Length;
        }

        return text.Append('\n').ToString();
    }

    /// <summary>A push may make the repository that the API then shows.</summary>
    private static Phase PhaseOf(WalkedRoute route) => route.EndsSignIns ? Phase.Ending
        : route.Method is "GET" or "HEAD" or "OPTIONS" ? Phase.Reading
        : route.Path.StartsWith("/v2/", StringComparison.Ordinal) ? Phase.Pushing : Phase.Changing;

    private static Task ForEachAsync<T>(IEnumerable<T> all, Func<T, Task> act) => Parallel.ForEachAsync(
        all, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Stop },
        async (each, _) => await act(each));
}
