namespace Berth.Tests.Lifecycle;

/// <summary>
/// The protocol between pushes and the collector (docs/decisions/0017), as a model: all orders in which the steps of
/// two pushes of one blob, in two repositories, four rounds of a collector, and an image in the trash that is
/// restored or purged can happen. Each step is one transaction, or one call to the store.
/// </summary>
public sealed class GarbageProtocolTests
{
    /// <summary>What can be left out, to see that the model notices.</summary>
    [Flags]
    public enum Rules
    {
        None = 0,
        ClaimBeforeCommit = 1,
        WaitForDeletion = 2,
        LookForClaims = 4,
        LookForLinks = 8,
        ForgetCondemnation = 16,
        ReviveLinks = 32,
        LookForManifests = 64,
        LockBlobRow = 128,
        TrashNeeds = 256,
    }

    private enum Link
    {
        None,
        Live,
        Condemned,

        /// <summary>Condemned, and passed over by the collector.</summary>
        Trashed,
    }

    /// <summary>An image of the first repository that was deleted at some time.</summary>
    private enum Image
    {
        None,
        InTrash,
        Restored,
    }

    [Fact]
    public void Nothing_that_is_needed_is_lost_in_any_order()
    {
        var (fault, states) = Explore(Rules.None);
        Assert.Null(fault);
        Assert.True(states > 500, $"only {states} states");
    }

    [Theory]
    [InlineData(Rules.ClaimBeforeCommit)]
    [InlineData(Rules.WaitForDeletion)]
    [InlineData(Rules.LookForClaims)]
    [InlineData(Rules.LookForLinks | Rules.ForgetCondemnation)]
    [InlineData(Rules.ReviveLinks)]
    [InlineData(Rules.LookForManifests)]
    [InlineData(Rules.LockBlobRow)]
    [InlineData(Rules.TrashNeeds)]
    public void Without_any_of_its_rules_something_is_lost(Rules omitted) => Assert.NotNull(Explore(omitted).Fault);

    /// <summary>
    /// Depth first, from a blob that one repository once had: with nothing that needs it, or with an image in the
    /// trash.
    /// </summary>
    private static (string? Fault, int States) Explore(Rules omitted)
    {
        var garbage = new State(
            new Push(0, Link.Condemned, false, false), new Push(0, Link.None, false, false), 0, 0, IsStored: true,
            HasRow: true, IsCondemned: false, IsDeleting: false, SawClaim: false, SawLink: false, Image.None);
        var trash = garbage with { One = garbage.One with { Link = Link.Live }, Image = Image.InTrash };
        var seen = new HashSet<State> { garbage, trash };
        var open = new Stack<State>([garbage, trash]);
        while (open.TryPop(out var state))
        {
            if (Fault(state) is { } fault) return (fault, seen.Count);
            foreach (var next in Next(state, omitted))
            {
                if (seen.Add(next)) open.Push(next);
            }
        }

        return (null, seen.Count);
    }

    private static string? Fault(State state)
    {
        foreach (var push in new[] { state.One, state.Other })
        {
            if (push.At == 5) return $"a push within its time was told that its blob is unknown: {state}";
            if (push.HasManifest && (push.Link != Link.Live || !state.IsStored))
                return $"an image lost its blob: {state}";
        }

        return state.Image == Image.Restored && (state.One.Link != Link.Live || !state.IsStored)
            ? $"a restored image lost its blob: {state}" : null;
    }

    private static IEnumerable<State> Next(State s, Rules omitted)
    {
        foreach (var (push, other, set) in new (Push, Push, Func<Push, State, State>)[]
        {
            (s.One, s.Other, (push, state) => state with { One = push }),
            (s.Other, s.One, (push, state) => state with { Other = push }),
        })
        {
            foreach (var (moved, state) in Advance(push, s, omitted)) yield return set(moved, state);
        }

        foreach (var next in Collect(s, omitted)) yield return next;
        if (s.Image != Image.InTrash) yield break;
        var restored = s.One.Link == Link.None ? Link.None : Link.Live;
        var purged = s.One.Link == Link.Trashed ? Link.Condemned : s.One.Link;
        yield return s with { Image = Image.Restored, One = s.One with { Link = restored } };
        yield return s with { Image = Image.None, One = s.One with { Link = purged } };
    }

    /// <summary>A push: claim the blob, commit its bytes, link it, record the manifest.</summary>
    private static IEnumerable<(Push, State)> Advance(Push push, State s, Rules omitted)
    {
        switch (push.At)
        {
            case 0 when omitted.HasFlag(Rules.ClaimBeforeCommit):
                yield return (push with { At = 1 }, s);
                break;
            case 0 when !s.IsDeleting || omitted.HasFlag(Rules.WaitForDeletion):
                yield return (push with { At = 1, HasClaim = true }, s);
                break;
            case 1:
                yield return (push with { At = 2 }, s with { IsStored = true });
                break;
            case 2:
                yield return (push with { At = 3, Link = Link.Live, HasClaim = false }, s with
                {
                    HasRow = true,
                    IsCondemned = omitted.HasFlag(Rules.ForgetCondemnation) && s.IsCondemned,
                    IsDeleting = omitted.HasFlag(Rules.ForgetCondemnation) && s.IsDeleting,
                });
                break;
            case 3:
                var revives = !omitted.HasFlag(Rules.ReviveLinks);
                var isKnown = push.Link == Link.Live || (push.Link is Link.Condemned or Link.Trashed && revives);
                yield return isKnown
                    ? (push with { At = 4, HasManifest = true, Link = Link.Live }, s)
                    : (push with { At = 5 }, s);
                break;
        }
    }

    /// <summary>A round: condemn links, remove them, begin the deletion, delete the bytes, end it.</summary>
    private static IEnumerable<State> Collect(State s, Rules omitted)
    {
        if (s.Round == 4) yield break;
        var looks = !omitted.HasFlag(Rules.LookForManifests);
        switch (s.At)
        {
            case 0:
                yield return s with
                {
                    At = 1,
                    One = Condemn(s.One, s.Image, looks, omitted),
                    Other = Condemn(s.Other, Image.None, looks, omitted),
                };
                break;
            case 1:
                // A push has half the grace period from its link to its manifest, and as long as that takes, links that
                // were condemned meanwhile stay.
                var (one, other) = (Remove(s.One, s.Image, looks), Remove(s.Other, Image.None, looks));
                var isLast = one.Link == Link.None && other.Link == Link.None;
                yield return s with { At = 2, One = one, Other = other, IsCondemned = s.HasRow && isLast };
                break;
            case 2:
                // Where the row is not locked, what is looked at may be older than what others wrote since.
                if (omitted.HasFlag(Rules.LockBlobRow) && !s.SawClaim && !s.SawLink && s.IsCondemned)
                    yield return s with { At = 6, SawClaim = HasClaim(s), SawLink = HasLink(s) };
                var isClaimed = !omitted.HasFlag(Rules.LookForClaims) && HasClaim(s);
                var isLinked = !omitted.HasFlag(Rules.LookForLinks) && HasLink(s);
                yield return s.IsCondemned && !isClaimed && !isLinked
                    ? s with { At = 3, IsDeleting = true }
                    : s with { At = 0, Round = s.Round + 1 };
                break;
            case 3:
                yield return s with { At = 4, IsStored = false };
                break;
            case 4:
                yield return s with
                {
                    At = 0,
                    Round = s.Round + 1,
                    HasRow = s.HasRow && !s.IsDeleting,
                    IsCondemned = false,
                    IsDeleting = false,
                };
                break;
            case 6:
                yield return !s.SawClaim && !s.SawLink
                    ? s with { At = 3, IsDeleting = true }
                    : s with { At = 0, Round = s.Round + 1, SawClaim = false, SawLink = false };
                break;
        }
    }

    private static bool HasClaim(State s) => s.One.HasClaim || s.Other.HasClaim;

    private static bool HasLink(State s) => s.One.Link != Link.None || s.Other.Link != Link.None;

    private static Push Condemn(Push push, Image image, bool looks, Rules omitted)
    {
        if (push.Link != Link.Live || (looks && (push.HasManifest || image == Image.Restored))) return push;
        var keeps = image == Image.InTrash && !omitted.HasFlag(Rules.TrashNeeds);
        return push with { Link = keeps ? Link.Trashed : Link.Condemned };
    }

    private static Push Remove(Push push, Image image, bool looks) =>
        push.Link == Link.Condemned && !(looks && (push.HasManifest || image == Image.Restored)) && push.At != 3
            ? push with { Link = Link.None } : push;

    /// <summary>A push in its repository.</summary>
    /// <param name="At">Its next step; 4 is done, 5 refused.</param>
    /// <param name="Link">The blob's link there.</param>
    /// <param name="HasClaim">Whether its upload says which blob it becomes.</param>
    /// <param name="HasManifest">Whether the image was acknowledged.</param>
    private sealed record Push(int At, Link Link, bool HasClaim, bool HasManifest);

    private sealed record State(
        Push One, Push Other, int At, int Round, bool IsStored, bool HasRow, bool IsCondemned, bool IsDeleting,
        bool SawClaim, bool SawLink, Image Image);
}
