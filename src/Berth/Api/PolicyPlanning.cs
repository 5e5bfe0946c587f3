using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Policies;

namespace Berth.Api;

/// <summary>Finds out what a policy would be against, and to whom that would be refused.</summary>
internal sealed class PolicyPlanning(
    Database database, RepositoryTable repositories, KnownPolicies known, PolicyJudge judge,
    RepositoryAccessEndpoints access, TimeProvider clock)
{
    /// <summary>The most images of an answer: some seconds' work.</summary>
    private const int MaxJudged = 5000;

    private const int MaxItems = 1000;
    private const int MaxTags = 10;
    private const int PerPage = 200;

    /// <summary>The most users, robots and teams that are named for a repository.</summary>
    private const int MaxNames = 100;

    private static readonly TimeSpan LongestTime = TimeSpan.FromSeconds(15);

    public async Task<ApiAnswer<PolicyPlan>> PlanAsync(HttpContext http, Policy policy, string? last)
    {
        var parts = last?.Split('@') ?? ["", ""];
        if (parts is not [var after, var digest] || (last is not null && !Digest.TryParse(digest, out _)))
            return ApiError.Invalid("last is not from a plan");
        var plan = new Plan(clock.GetTimestamp());
        await foreach (var name in repositories.MatchingAsync(policy.Names, http.RequestAborted))
        {
            if (string.CompareOrdinal(name.Text, after) < 0) continue;
            var from = name.Text == after ? digest : "";
            if (!await AddAsync(http, plan, policy, name, from)) break;
        }

        return new PolicyPlan(plan.Judged, plan.Items.Count, plan.Items, plan.Audience, plan.Next);
    }

    /// <summary>Judges the images of a repository. False if that is enough for an answer.</summary>
    private async Task<bool> AddAsync(HttpContext http, Plan plan, Policy policy, RepositoryName name, string last)
    {
        var stop = http.RequestAborted;
        var asked = new RepositoryPolicies(0, [policy], (await known.OfAsync(name, stop)).Waivers);
        if (await database.ReadAsync(session => RepositoryTable.FindAsync(session, name), stop) is not { } id)
            return true;
        var before = plan.Items.Count;
        while (true)
        {
            var digests = await database.ReadAsync(
                session => JudgedImageTable.ListAsync(session, id, last, PerPage), stop);
            foreach (var digest in digests)
            {
                var found = await judge.JudgeAsync(name, digest, asked, stop);
                plan.Judged++;
                last = digest.Text;
                if (found.Count > 0) plan.Items.Add(await ViewAsync(name, id, digest, found, stop));
                if (plan.Judged < MaxJudged && plan.Items.Count < MaxItems
                    && clock.GetElapsedTime(plan.Start) < LongestTime)
                {
                    continue;
                }

                plan.Next = $"{name}@{last}";
                await AddAudienceAsync(http, plan, policy, name, before);
                return false;
            }

            if (digests.Count == PerPage) continue;
            await AddAudienceAsync(http, plan, policy, name, before);
            return true;
        }
    }

    private async Task<PlannedRefusalView> ViewAsync(
        RepositoryName name, long id, Digest digest, IReadOnlyList<Objection> found, CancellationToken stop)
    {
        var (tags, row) = await database.ReadAsync(
            async session => (await JudgedImageTable.TagsOfAsync(session, id, digest, MaxTags),
                await JudgedImageTable.FindAsync(session, id, digest)),
            stop);
        return new PlannedRefusalView(
            name.Text, digest.Text, tags, row?.PulledAt, [.. found.SelectMany(one => one.Reasons(isNamed: true))]);
    }

    private async Task AddAudienceAsync(HttpContext http, Plan plan, Policy policy, RepositoryName name, int before)
    {
        if (plan.Items.Count == before) return;
        var isPublic = await database.ReadAsync(
            session => RepositoryTable.IsPublicAsync(session, name.Text), http.RequestAborted);
        var holders = access.MayList(http.Caller(), name)
            ? await access.FindAsync(name, MaxNames, http.RequestAborted) : null;
        plan.Audience.Add(new PolicyAudienceView(
            name.Text, isPublic,
            holders?.Where(one => one.Actions.Contains("pull") && !policy.Exempts(one.Name))
                .Select(one => one.Kind == "team" ? $"team {one.Name}" : one.Name).Distinct().ToList()));
    }

    private sealed class Plan(long start)
    {
        public long Start { get; } = start;

        public long Judged { get; set; }

        public List<PlannedRefusalView> Items { get; } = [];

        public List<PolicyAudienceView> Audience { get; } = [];

        public string? Next { get; set; }
    }
}
