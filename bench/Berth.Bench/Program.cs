using BenchmarkDotNet.Running;
using Berth.Bench;

if (args is ["compare", .. var rest]) return await Comparison.RunAsync(rest);
BenchmarkSwitcher.FromAssembly(typeof(HotPaths).Assembly).Run(args);
return 0;
