using System.Diagnostics;
using System.Globalization;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>What a long run will take, measured on one example beforehand. Only words for the user: nothing depends on it.</summary>
internal static class Estimate
{
    private const double WorthSaying = 5;  // seconds

    /// <summary>Runs the first example twice under a plan: seconds, and bytes of the values that the plan keeps.</summary>
    internal static (double Seconds, long Bytes) Probe(HookedModel model, ModelInput input, HookPlan plan)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var first = new ModelInput();
        foreach (var (name, tensor) in input) first.Add(name, tensor.narrow(0, 0, 1));
        // The first pass pays for memory that later ones find ready.
        model.Run(first, plan).Dispose();
        var clock = Stopwatch.StartNew();
        using var recording = model.Run(first, plan);
        return (clock.Elapsed.TotalSeconds, recording.Cache.Sites.Sum(site => recording.Cache[site].numel() * recording.Cache[site].element_size()));
    }

    /// <summary>One line before long work; nothing before short work.</summary>
    internal static void Say(Terminal terminal, double seconds, long bytes)
    {
        if (seconds < WorthSaying) return;
        var time = seconds < 90 ? $"{seconds:f0} s" : $"{seconds / 60:f0} min";
        var memory = (Environment.WorkingSet + bytes) / 1e9;
        terminal.Remark(string.Create(CultureInfo.InvariantCulture, $"This takes about {time} and {memory:f1} GB of memory."));
    }
}
