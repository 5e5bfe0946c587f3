namespace Berth.Tests.Lifecycle;

/// <summary>
/// The protocol between pushes, collectors and backups (docs/decisions/0017), as a model: all orders in which the steps
/// of these can happen: two pushes of one blob, in two repositories; the rounds of collectors on two nodes, which may
/// die or stall at any step; a backup; and an image in the trash that is restored or purged. Each step is one
/// transaction, or one call to the store.
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

        /// <summary>A link stays condemned for half the grace period, which a push has from link to manifest.</summary>
        HalfGrace = 512,

        /// <summary>Another node takes over a deletion only after its time limit.</summary>
        WaitForLimit = 1024,

        /// <summary>A node gives up a deletion before others may take it over.</summary>
        GiveUpBeforeLimit = 2048,

        /// <summary>A node ends only its own deletion, not that of whoever took it over.</summary>
        EndOwnDeletion = 4096,

        /// <summary>No deletion begins while a backup holds the blobs.</summary>
        LookForHolds = 8192,
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
        TestContext.Current.TestOutputHelper!.WriteLine($"{states} states");
        Assert.True(states > 20_000, $"only {states} states");
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
    [InlineData(Rules.HalfGrace)]
    [InlineData(Rules.WaitForLimit)]
    [InlineData(Rules.GiveUpBeforeLimit)]
    [InlineData(Rules.EndOwnDeletion)]
    [InlineData(Rules.LookForHolds)]
    public void Without_any_of_its_rules_something_is_lost(Rules omitted)
    {
        var (fault, _) = Explore(omitted);
        Assert.NotNull(fault);
        TestContext.Current.TestOutputHelper!.WriteLine(fault);
    }

    /// <summary>
    /// Depth first, from a blob that one repository once had: with nothing that needs it, or with an image in the
    /// trash; with two collectors, or with one and a backup.
    /// </summary>
    private static (string? Fault, int States) Explore(Rules omitted)
    {
        var garbage = new State(
            new Push(0, Link.Condemned, false, false), new Push(0, Link.None, false, false), new Collector(1, 0, 3),
            new Collector(2, 0, 3), new Blob(IsStored: true, HasRow: true, IsCondemned: false, DeletedBy: 0),
            Image.None, Backup.Done);
        var trash = garbage with { One = garbage.One with { Link = Link.Live }, Image = Image.InTrash };
        var seen = new HashSet<State>();
        foreach (var state in new[] { garbage, trash })
        {
            seen.Add(state);
            seen.Add(state with
            {
                First = state.First with { Rounds = 4 },
                Second = state.Second with { Rounds = 0 },
                Backup = Backup.Waiting,
            });
        }

        var open = new Stack<State>(seen);
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
            if (push.HasManifest && (push.Link != Link.Live || !state.Blob.IsStored))
                return $"an image lost its blob: {state}";
        }

        if (state.Backup == Backup.Failed) return $"a backup found its blob gone: {state}";
        return state.Image == Image.Restored && (state.One.Link != Link.Live || !state.Blob.IsStored)
            ? $"a restored image lost its blob: {state}" : null;
    }

    private static IEnumerable<State> Next(State s, Rules omitted)
    {
        foreach (var (moved, state) in Advance(s.One, s, omitted)) yield return state with { One = moved };
        foreach (var (moved, state) in Advance(s.Other, s, omitted)) yield return state with { Other = moved };
        foreach (var (moved, state) in Collect(s.First, s, omitted)) yield return state with { First = moved };
        foreach (var (moved, state) in Collect(s.Second, s, omitted)) yield return state with { Second = moved };
        if (s.Blob is { DeletedBy: not 0, IsAbandoned: false }) yield return PassLimit(s, omitted);
        if (s.Backup != Backup.Done) yield return BackUp(s);
        if (s.Image != Image.InTrash) yield break;
        var restored = s.One.Link == Link.None ? Link.None : Link.Live;
        var purged = s.One.Link == Link.Trashed ? Link.Condemned : s.One.Link;
        yield return s with { Image = Image.Restored, One = s.One with { Link = restored } };
        yield return s with { Image = Image.None, One = s.One with { Link = purged } };
    }

    /// <summary>
    /// A push: claim the blob, commit its bytes, link it, record the manifest. Where it is told that the blob is there,
    /// only the last of these.
    /// </summary>
    private static IEnumerable<(Push, State)> Advance(Push push, State s, Rules omitted)
    {
        if (push is { At: 0, Link: Link.Live }) yield return (push with { At = 3 }, s);
        switch (push.At)
        {
            case 0 when omitted.HasFlag(Rules.ClaimBeforeCommit):
                yield return (push with { At = 1 }, s);
                break;
            case 0 when s.Blob.DeletedBy == 0 || s.Blob.IsAbandoned || omitted.HasFlag(Rules.WaitForDeletion):
                yield return (push with { At = 1, HasClaim = true }, s);
                break;
            case 1:
                yield return (push with { At = 2 }, s with { Blob = s.Blob with { IsStored = true } });
                break;
            case 2:
                var kept = s.Blob with { HasRow = true };
                if (!omitted.HasFlag(Rules.ForgetCondemnation))
                    kept = kept with { IsCondemned = false, DeletedBy = 0, IsAbandoned = false };
                yield return (push with { At = 3, Link = Link.Live, HasClaim = false }, s with { Blob = kept });
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

    /// <summary>
    /// A round of a node: condemn links, remove them, begin the deletion, delete the bytes, end it. It may die between
    /// any two of these.
    /// </summary>
    private static IEnumerable<(Collector, State)> Collect(Collector node, State s, Rules omitted)
    {
        if (node.Rounds == 0) yield break;
        var looks = !omitted.HasFlag(Rules.LookForManifests);
        var ended = new Collector(node.Node, 0, node.Rounds - 1);
        if (node.At > 0) yield return (ended, s);
        switch (node.At)
        {
            case 0:
                yield return (node with { At = 1 }, s with
                {
                    One = Condemn(s.One, s.Image, looks, omitted),
                    Other = Condemn(s.Other, Image.None, looks, omitted),
                });
                break;
            case 1:
                var one = Remove(s.One, s.Image, looks, omitted);
                var other = Remove(s.Other, Image.None, looks, omitted);
                var isLast = (one, other) != (s.One, s.Other) && one.Link == Link.None && other.Link == Link.None;
                yield return (node with { At = 2 }, s with
                {
                    One = one,
                    Other = other,
                    Blob = s.Blob with { IsCondemned = s.Blob.IsCondemned || (s.Blob.HasRow && isLast) },
                });
                break;
            case 2 when MayDelete(s, omitted):
                // Where the row is not locked, what is looked at may be older than what others wrote since.
                if (omitted.HasFlag(Rules.LockBlobRow))
                    yield return (node with { At = 6, SawUse = IsUsed(s, omitted) }, s);
                if (!IsUsed(s, omitted)) yield return Begin(node, s);
                break;
            case 3:
                yield return (node with { At = 4 }, s with { Blob = s.Blob with { IsStored = false } });
                break;
            case 4:
                var isOwn = s.Blob.DeletedBy == node.Node || omitted.HasFlag(Rules.EndOwnDeletion);
                yield return (ended, isOwn ? s with { Blob = new Blob(s.Blob.IsStored, false, false, 0) } : s);
                break;
            case 6 when !node.SawUse:
                yield return Begin(node, s);
                break;
        }
    }

    private static (Collector, State) Begin(Collector node, State s) => (
        node with { At = 3, SawUse = false },
        s with { Blob = s.Blob with { DeletedBy = node.Node, IsAbandoned = false } });

    /// <summary>Whether a blob is condemned, and no other node is deleting it.</summary>
    private static bool MayDelete(State s, Rules omitted) => s.Blob.IsCondemned
        && (s.Blob.DeletedBy == 0 || s.Blob.IsAbandoned || omitted.HasFlag(Rules.WaitForLimit));

    private static bool IsUsed(State s, Rules omitted) =>
        (!omitted.HasFlag(Rules.LookForClaims) && (s.One.HasClaim || s.Other.HasClaim))
        || (!omitted.HasFlag(Rules.LookForLinks) && HasLink(s))
        || (!omitted.HasFlag(Rules.LookForHolds) && s.Backup is Backup.Holding or Backup.Copying);

    private static bool HasLink(State s) => s.One.Link != Link.None || s.Other.Link != Link.None;

    /// <summary>
    /// A deletion is not ended in time. A node that still waits for the store gives it up; one that is behind that may
    /// end it late.
    /// </summary>
    private static State PassLimit(State s, Rules omitted)
    {
        return s with
        {
            Blob = s.Blob with { IsAbandoned = true },
            First = GiveUp(s.First),
            Second = GiveUp(s.Second),
        };

        Collector GiveUp(Collector node) =>
            node.At == 3 && node.Node == s.Blob.DeletedBy && !omitted.HasFlag(Rules.GiveUpBeforeLimit)
                ? new Collector(node.Node, 0, node.Rounds - 1) : node;
    }

    /// <summary>A backup: take a hold, take a snapshot of the links, copy what they link.</summary>
    private static State BackUp(State s) => s with
    {
        Backup = s.Backup switch
        {
            Backup.Waiting => Backup.Holding,
            Backup.Holding => HasLink(s) ? Backup.Copying : Backup.Done,
            _ => s.Blob.IsStored ? Backup.Done : Backup.Failed,
        },
    };

    private static Push Condemn(Push push, Image image, bool looks, Rules omitted)
    {
        if (push.Link != Link.Live || (looks && (push.HasManifest || image == Image.Restored))) return push;
        var keeps = image == Image.InTrash && !omitted.HasFlag(Rules.TrashNeeds);
        return push with { Link = keeps ? Link.Trashed : Link.Condemned };
    }

    /// <summary>
    /// A push has half the grace period from its link to its manifest, and as long as that takes, links that were
    /// condemned meanwhile stay.
    /// </summary>
    private static Push Remove(Push push, Image image, bool looks, Rules omitted)
    {
        var isNeeded = looks && (push.HasManifest || image == Image.Restored);
        var hasTime = push.At == 3 && !omitted.HasFlag(Rules.HalfGrace);
        return push.Link == Link.Condemned && !isNeeded && !hasTime ? push with { Link = Link.None } : push;
    }

    private enum Backup
    {
        Waiting,
        Holding,
        Copying,
        Done,
        Failed,
    }

    /// <summary>A push in its repository.</summary>
    /// <param name="At">Its next step; 4 is done, 5 refused.</param>
    /// <param name="Link">The blob's link there.</param>
    /// <param name="HasClaim">Whether its upload says which blob it becomes.</param>
    /// <param name="HasManifest">Whether the image was acknowledged.</param>
    private readonly record struct Push(int At, Link Link, bool HasClaim, bool HasManifest);

    /// <summary>A collector.</summary>
    /// <param name="Node">Its number.</param>
    /// <param name="At">Its next step.</param>
    /// <param name="Rounds">How many are left.</param>
    /// <param name="SawUse">What it saw where it does not lock the row.</param>
    private readonly record struct Collector(int Node, int At, int Rounds, bool SawUse = false);

    /// <summary>The bytes of the blob, and its row.</summary>
    /// <param name="IsStored">Whether the bytes are in the store.</param>
    /// <param name="HasRow">Whether the table knows it.</param>
    /// <param name="IsCondemned">Whether nothing linked it when the collector looked.</param>
    /// <param name="DeletedBy">The node that is deleting it, or 0.</param>
    /// <param name="IsAbandoned">Whether that has taken longer than it may.</param>
    private readonly record struct Blob(
        bool IsStored, bool HasRow, bool IsCondemned, int DeletedBy, bool IsAbandoned = false);

    private sealed record State(
        Push One, Push Other, Collector First, Collector Second, Blob Blob, Image Image, Backup Backup);
}
