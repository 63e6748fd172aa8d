using System.Text.Json.Nodes;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Many coders from one line of a configuration, and the page of their curves.</summary>
public sealed class SweepTests
{
    [Fact]
    public void A_sweep_makes_a_coder_of_each_combination()
    {
        var config = Read("""{"steps": 3, "shared": {"features": 16}, "coders": [{"name": "t", "architecture": "topk", "sweep": {"options.k": [2, 4], "seed": [0, 1, 2]}}, {"architecture": "standard"}]}""");
        Assert.Equal(["t-k=2-seed=0", "t-k=2-seed=1", "t-k=2-seed=2", "t-k=4-seed=0", "t-k=4-seed=1", "t-k=4-seed=2", "coder1"], config.Jobs.Select(job => job.Name));
        Assert.Equal([2, 2, 2, 4, 4, 4], config.Jobs.Take(6).Select(job => ((TopKOptions)job.Settings.Options).K));
        Assert.Equal([0L, 1, 2, 0, 1, 2], config.Jobs.Take(6).Select(job => job.Seed!.Value));
        Assert.Null(config.Jobs[6].Seed);
    }

    [Fact]
    public void Whole_objects_and_presets_can_be_swept()
    {
        var config = Read("""{"steps": 3, "coders": [{"features": 16, "sweep": {"preset": ["paper/topk", "saelens-v6/topk"], "optimizer.learning_rate": [0.001]}}]}""");
        Assert.Equal(["coder0-preset=paper_topk-learning_rate=0.001", "coder0-preset=saelens-v6_topk-learning_rate=0.001"], config.Jobs.Select(job => job.Name));
        Assert.All(config.Jobs, job => Assert.Equal(0.001, job.Settings.Optimizer.LearningRate));
    }

    [Theory]
    [InlineData("""{"options.k": 3}""", "a list of values for 'options.k'")]
    [InlineData("""{"options.k": []}""", "a list of values")]
    [InlineData("""[1]""", "'sweep' must be an object")]
    [InlineData("""{"name": ["a"]}""", "cannot set 'name'")]
    [InlineData("""{"options.kk": [1]}""", "'kk' is no setting")]
    [InlineData("""{"features.x": [1]}""", "'features' is no object")]
    public void What_cannot_be_swept_is_said(string sweep, string message) => Assert.Contains(message,
        Assert.Throws<OptionsException>(() => Read($$"""{"steps": 3, "coders": [{"name": "t", "architecture": "topk", "features": 16, "sweep": {{sweep}} }]}""")).Message, StringComparison.Ordinal);

    [Fact]
    public void Seeds_of_coders_differ_and_the_page_has_a_line_for_each()
    {
        using var folder = new TempFolder();
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = randn(64, 8, generator: new Generator(1)) }, 2);
        var config = RunConfig.Read((JsonObject)JsonNode.Parse("""
            {"steps": 12, "batch_rows": 16, "log_every": 2, "checkpoint_every": 5,
             "coders": [{"name": "a <b>", "architecture": "topk", "features": 16, "options": {"k": 2}, "sweep": {"seed": [1, 2]}}, {"name": "s", "architecture": "standard", "features": 12}]}
            """)!, data.Columns);
        var pages = new List<int>();
        var run = folder["run"];
        var last = TrainFolder.Run(run, config, data, _ => new CoderCard { Architecture = "", Inputs = 0, Features = 0, Outputs = 0 }, "prisma-sae/1", ExistingFile.Refuse, new Quiet(), default, measured =>
        {
            pages.Add(measured.Count);
            TrainPage.Save(run, measured);
        });
        Assert.Equal([6, 15, 18], pages);
        Assert.NotEqual(last[0].Loss, last[1].Loss);
        var page = File.ReadAllText(Path.Combine(run, "report.html"));
        foreach (var text in new[] { "a &lt;b&gt;-seed=1", "a &lt;b&gt;-seed=2", "#0072B2", "#D55E00", "#009E73", "features per row (L0)", "learning rate", "Part of the loss: sparsity", "step 12 of 12" })
            Assert.Contains(text, page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
        Assert.Equal(3, System.Text.RegularExpressions.Regex.Count(page.Split("Explained variance</h2>")[1].Split("</svg>")[0], "<polyline"));
    }

    [Fact]
    public void Axes_hold_all_values()
    {
        foreach (var (low, high) in new[] { (0.0, 0.0), (-3.2, 7.9), (1e-6, 4e5), (5.0, 5.0), (0.991, 0.9991) })
        {
            var svg = LineChart.Svg([new ChartLine("one", [(1, low), (2, high), (3, double.NaN)])], "step", "value");
            var places = System.Text.RegularExpressions.Regex.Match(svg, "points=\"([^\"]*)\"").Groups[1].Value.Split(' ').Select(point => double.Parse(point.Split(',')[1], System.Globalization.CultureInfo.InvariantCulture)).ToList();
            Assert.Equal(2, places.Count);
            Assert.All(places, place => Assert.InRange(place, 0, 300));
            Assert.InRange(System.Text.RegularExpressions.Regex.Count(svg, "text-anchor=\"end\""), 2, 12);
        }
    }

    private static RunConfig Read(string json) => RunConfig.Read((JsonObject)JsonNode.Parse(json)!, [new SourceColumn("x", 8)]);

    private sealed class Quiet : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) => Assert.InRange(measurement.Dead, 0, 1);

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
