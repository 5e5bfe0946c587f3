using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Runs a form once, however often its button is clicked: each form that is shown has a number of its own. What is
/// remembered is in this process alone, so behind several nodes a second click may reach one that does not know of the
/// first; it then gets an error that says what is there already, or makes a second of what may have the same name.
/// </summary>
internal sealed class FormRuns
{
    private const int MaxRemembered = 10_000;

    private readonly BoundedCache<Task<string?>> runs = new(MaxRemembered);
    private readonly Lock starting = new();

    /// <summary>Runs a form, unless it has run, or is running, with success.</summary>
    /// <param name="key">Who sent it, and its number.</param>
    /// <param name="run">Does it; returns where the browser goes afterwards, or null if nothing was done.</param>
    /// <returns>Where the first run led; null if <paramref name="run"/> was called.</returns>
    public async Task<string?> RunAsync(string key, Func<Task<string?>> run)
    {
        var mine = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            Task<string?>? first;
            lock (starting)
            {
                if (!runs.TryGet(key, out first)) runs.Set(key, mine.Task, cost: 1);
            }

            if (first is null) break;
            if (await first is { } path) return path;
            lock (starting)
            {
                if (runs.TryGet(key, out var present) && present == first) runs.Set(key, mine.Task, cost: 1);
                else continue;
            }

            break;
        }

        string? led = null;
        try
        {
            led = await run();
        }
        finally
        {
            mine.SetResult(led);
        }

        return null;
    }
}
