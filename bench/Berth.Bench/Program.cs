using BenchmarkDotNet.Running;
using Berth.Bench;

return args switch
{
    ["compare", .. var rest] => await Comparison.RunAsync(rest),
    ["pieces"] => await Pieces.RunAsync(),
    ["scale", .. var rest] => await Scale.RunAsync(rest),
    _ => Switch(args),
};

static int Switch(string[] arguments)
{
    BenchmarkSwitcher.FromAssembly(typeof(HotPaths).Assembly).Run(arguments);
    return 0;
}
