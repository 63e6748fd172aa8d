using System.Text.Json.Nodes;

namespace Prisma.Bench;

/// <summary>The trainer's TopK step at growing batches and dictionaries, by turns: whether its cost grows with their product and no faster.</summary>
internal static class SaeStepScaling
{
    private const int Halvings = 3;

    public static JsonArray Measure(SaeStepOptions options)
    {
        var sizes = Enumerable.Range(0, Halvings).Select(k => (Rows: options.Rows >> k, options.Features))
            .Concat(Enumerable.Range(1, Halvings - 1).Select(k => (options.Rows, Features: options.Features >> k))).Reverse().ToList();
        var works = sizes.Select(size => new SaeStepCase("topk", options with { Rows = size.Rows, Features = size.Features }, alone: true)).ToList();
        var times = sizes.Select(_ => new List<double>()).ToList();
        try
        {
            for (var round = -1; round < options.Rounds; round++)
            {
                for (var k = 0; k < works.Count; k++)
                {
                    var seconds = Machine.Timed(() => works[k].SparseStep());
                    if (round >= 0) times[k].Add(seconds * 1e3);
                }
                Console.Error.WriteLine($"scaling: round {round + 1} of {options.Rounds}");
            }
        }
        finally
        {
            foreach (var work in works) work.Dispose();
        }
        var table = new JsonArray();
        for (var k = 0; k < sizes.Count; k++)
        {
            var (rows, features) = sizes[k];
            var step = Comparison.Median(times[k]);
            var each = step * 1e6 / ((double)rows * features);
            if (!options.Json)
                Console.WriteLine(FormattableString.Invariant($"batch {rows,5}, d_sae {features,6}: step {step,7:0.0} ms, {each:0.00} ns per row and feature"));
            table.Add(new JsonObject { ["batch"] = rows, ["d_sae"] = features, ["step_ms"] = Math.Round(step, 2), ["ns_per_row_and_feature"] = Math.Round(each, 4) });
        }
        return table;
    }
}
