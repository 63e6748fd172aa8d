using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class TrainingLeakTests
{
    public static TheoryData<string> Architectures => [.. ArchitectureCatalog.Default.Names];

    [Theory, MemberData(nameof(Architectures))]
    public void Training_leaves_no_tensor_behind(string architecture)
    {
        using var bench = new HarvestBench();
        Leaks.None(() => Train(bench, architecture));
    }

    private static void Train(HarvestBench bench, string architecture)
    {
        var place = HarvestBench.First.ToString();
        var source = new ExampleSource(bench.Model, bench.Inputs, [HarvestBench.First], seed: 1);
        var options = new JsonObject();
        if (ArchitectureCatalog.Default.OptionsOf(architecture).GetProperty("K") is not null) options["k"] = 2;
        if (architecture == "end_to_end") options["later"] = new JsonArray("*hook_resid_post");
        if (architecture == "standard") (options["resample_every"], options["ghost_gradients"]) = (2, true);
        var config = RunConfig.Read(new JsonObject
        {
            ["steps"] = 4,
            ["batch_rows"] = 34,
            ["log_every"] = 2,
            ["coders"] = new JsonArray(new JsonObject
            {
                ["architecture"] = architecture,
                ["reads"] = place,
                ["gradients"] = place + ".gradient",
                ["features"] = 32,
                ["options"] = options,
                ["dead"] = new JsonObject { ["after"] = 10 },
                ["sweep"] = new JsonObject { ["seed"] = new JsonArray(1, 2) },
            }),
        }, source.Columns);
        using var folder = new TempFolder();
        var checkpoint = new TrainCheckpoint(folder.Path, config.Jobs, source, config.Options);
        foreach (var run in Trainer.Fit(config.Jobs, source, config.Options, new Quiet(), checkpoint))
            using (run)
            {
                using var coder = run.Coder.Freeze();
                Assert.True(coder.Card.Features > 0);
            }
    }

    private sealed class Quiet : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) => Assert.InRange(measurement.Dead, 0, 1);

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
