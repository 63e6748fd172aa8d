using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Activations that are stored in less than float32 train coders that are hardly worse.</summary>
public sealed class LowPrecisionTests
{
    [Theory]
    [InlineData(ScalarType.BFloat16, 0.01)]
    [InlineData(ScalarType.Float16, 0.002)]
    public void Coders_explain_as_much_as_on_float32(ScalarType type, double within)
    {
        using var bench = new HarvestBench(pictures: 40);
        Assert.Equal(Explained(bench, ScalarType.Float32), Explained(bench, type), within);
    }

    private static double Explained(HarvestBench bench, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var folder = $"h{type}";
        bench.Harvest(folder, bench.Options with { Sites = [HarvestBench.First], Dtype = type });
        using var source = ShardSource.Open(bench[folder], new ShardOptions { Seed = 3 });
        var name = HarvestBench.First.ToString();
        var config = RunConfig.Read((JsonObject)JsonNode.Parse("""
            {"steps": 300, "batch_rows": 64, "log_every": 300, "coders": [{"architecture": "topk", "features": 48, "options": {"k": 4}, "optimizer": {"learning_rate": 0.005}}]}
            """)!, source.Columns);
        using var run = Trainer.Fit(config.Jobs, source, config.Options, new Quiet())[0];
        using var coder = (ISparseCoder)run.Coder.Freeze();
        var measurement = new CoderMeasurement(coder);
        measurement.Add(bench.Direct(HarvestBench.First).reshape(-1, 16));
        Assert.Equal(name, config.Jobs[0].Reads[0]);
        return measurement.Report()["all"][MetricName.Global];
    }

    private sealed class Quiet : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) => Assert.InRange(measurement.Dead, 0, 1);

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
