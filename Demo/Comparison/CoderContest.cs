using System.Diagnostics;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>
/// Trains every architecture on the same tokens of the demo's model, equally many steps each, and measures them on held-out scenes. Penalties are those of the
/// file beside this one: one setting each, chosen for these activations, not a tuned contest.
/// </summary>
public static class CoderContest
{
    private const string EntriesFile = "coders.preset.json";

    /// <summary>The entries: an architecture each, some in several ways.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Entries().Select(entry => entry.Key)];

    /// <summary>Runs the contest; rows come as they are measured. Borrows the model.</summary>
    /// <param name="model">Takes pixels of 64 × 64.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="stop">Ends it between steps.</param>
    /// <exception cref="PrismaException">Options do not work.</exception>
    public static IEnumerable<CoderContestRow> Run(HookedModel model, CoderContestOptions options, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var place = ((HookSite)Site.ResidPost[options.Layer]).ToString();
        var source = new ExampleSource(model, new SceneInputs(SceneSplit.Training, options.TrainingScenes), model.Find(place), options.Seed);
        var rowsPerScene = (int)(source.RowsPerRound!.Value / options.TrainingScenes);
        var entries = Entries();
        if (options.Only?.FirstOrDefault(name => !entries.ContainsKey(name)) is { } unknown)
            throw new OptionsException($"There is no entry '{unknown}'. Known: {string.Join(", ", entries.Select(entry => entry.Key))}.");
        foreach (var (name, coders) in entries.Where(entry => options.Only?.Contains(entry.Key) ?? true))
            foreach (var row in Entry(model, source, name, Config((JsonArray)coders!, options, place, rowsPerScene, source), options, stop)) yield return row;
    }

    private static IEnumerable<CoderContestRow> Entry(HookedModel model, ExampleSource source, string name, RunConfig config, CoderContestOptions options, CancellationToken stop)
    {
        var watch = Stopwatch.StartNew();
        var runs = Trainer.Fit(config.Jobs, source, config.Options, new Silence(), checkpoint: null, stop);
        try
        {
            watch.Stop();
            using var coder = (ISparseCoder)runs[0].Coder.Freeze(new CoderCard
            {
                Architecture = "",
                Inputs = 0,
                Features = 0,
                Outputs = 0,
                Reads = [Site.ResidPost[options.Layer]],
                Writes = [Site.ResidPost[options.Layer]],
                Origin = new Provenance { ModelName = model.Card.Name },
            });
            var result = CoderEvaluation.Run(model, coder, SceneEvaluation.Batches(options.HeldOut), k => SceneEvaluation.BatchOf(model, options.HeldOut, k), stop: stop);
            var all = result.Report["all"];
            yield return new CoderContestRow(name, all[MetricName.L0], all[MetricName.Global], 1 - result.Report.Usage.Alive,
                result.Losses.FirstOrDefault(loss => loss.Name == "cross_entropy")?.Recovered ?? double.NaN, watch.Elapsed.TotalSeconds / runs.Count);
        }
        finally
        {
            foreach (var run in runs) run.Dispose();
        }
    }

    private static RunConfig Config(JsonArray coders, CoderContestOptions options, string place, int rowsPerScene, ExampleSource source) => RunConfig.Read(new JsonObject
    {
        ["steps"] = options.Steps,
        ["seed"] = options.Seed,
        ["batch_rows"] = options.ScenesPerStep * rowsPerScene,
        ["log_every"] = options.Steps,
        ["shared"] = new JsonObject
        {
            ["reads"] = place,
            ["features"] = options.Features,
            ["gradients"] = place + ".gradient",
            ["dead"] = new JsonObject { ["unit"] = "steps", ["after"] = Math.Max(1, options.Steps / 8) },
            ["schedule"] = new JsonObject { ["warm_up"] = options.Steps / 20, ["decay"] = options.Steps / 5, ["sparsity_warm_up"] = options.Steps / 10 },
        },
        ["coders"] = new JsonArray([.. coders.Select(JsonNode (coder, k) => Named((JsonObject)coder!.DeepClone(), k, options))]),
    }, source.Columns);

    // "k" in an entry stands for the contest's number of active features.
    private static JsonObject Named(JsonObject coder, int number, CoderContestOptions options)
    {
        coder["name"] = $"coder{number}";
        coder["seed"] = options.Seed + number;
        if (coder["k"] is { } factor)
        {
            coder["options"] ??= new JsonObject();
            coder["options"]!["k"] = Math.Min(options.Features, (int)Math.Round(options.K * factor.GetValue<double>()));
            coder.Remove("k");
        }
        return coder;
    }

    private static JsonObject Entries()
    {
        using var stream = typeof(CoderContest).Assembly.GetManifestResourceStream($"Prisma.Demo.Comparison.{EntriesFile}")!;
        return (JsonObject)JsonNode.Parse(stream, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip })!;
    }

    private sealed class Silence : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) { }

        public void Warned(string coder, long step, string warning) { }
    }
}
