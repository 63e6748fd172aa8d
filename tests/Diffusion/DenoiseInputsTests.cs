using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Prompts as examples of a U-net: what is harvested is what a run would have cached.</summary>
public sealed class DenoiseInputsTests : IDisposable
{
    private static readonly HookSite s_update = Site.ModuleUpdate["unet.down_blocks.2.attentions.1"];
    private static readonly string[] s_prompts = ["a fox", "a house", "blue house"];

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TextToImage _pipeline = TextToImage.Open(DiffusionFixture.Folder);

    [Theory]
    [InlineData(1, 0.0)]
    [InlineData(3, 0.0)]
    [InlineData(2, 4.0)]
    public void Harvested_updates_are_those_of_a_run(int steps, double guidance)
    {
        using var folder = new TempFolder();
        var options = new GenerateOptions { Prompts = s_prompts, Steps = steps, Guidance = guidance, Seed = 5 };
        var inputs = new DenoiseInputs(_pipeline, s_prompts, options);
        Assert.Equal(3 * steps, inputs.Count);
        var index = Harvest.Run(_pipeline.Unet, inputs, new HarvestOptions { Sites = [s_update], Batch = 4, RowsPerShard = 1 << 20, KeepFree = 0 }, folder["acts"]);
        Assert.Equal(3L * steps * 16, index.Rows);
        using var made = _pipeline.Generate(options, DenoisePlan.Empty.With(HookPlan.Empty.Keep(s_update)));
        using var source = ShardSource.Open(folder["acts"], new ShardOptions { Seed = null });
        using var rows = source.Open((int)index.Rows, Cursor.Start, default).First();
        // [B, K, C, h, w]: pictures, steps, cells.
        var want = made.Cache[s_update].permute(0, 1, 3, 4, 2).reshape(-1, 28);
        DiffusionFixture.Near("rows", rows[s_update.ToString()], want, DiffusionFixture.OfRun);
    }

    [Fact]
    public void Other_prompts_steps_or_seeds_are_other_examples()
    {
        var options = new GenerateOptions { Prompts = s_prompts, Steps = 2 };
        var own = new DenoiseInputs(_pipeline, s_prompts, options);
        Assert.Equal(own.Fingerprint, new DenoiseInputs(_pipeline, s_prompts, options).Fingerprint);
        Assert.NotEqual(own.Fingerprint, new DenoiseInputs(_pipeline, s_prompts[..2], options).Fingerprint);
        Assert.NotEqual(own.Fingerprint, new DenoiseInputs(_pipeline, s_prompts, options with { Seed = 1 }).Fingerprint);
        Assert.NotEqual(own.Fingerprint, new DenoiseInputs(_pipeline, s_prompts, options with { Steps = 3 }).Fingerprint);
        Assert.Equal("step 1 of prompt 2, 'blue house'", own.NameOf(5));
        Assert.Throws<OptionsException>(() => new DenoiseInputs(_pipeline, [], options));
        Assert.Contains("There is no file", Assert.Throws<CheckpointException>(() => DenoiseInputs.ReadPrompts("no such file")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Activations_are_measured_where_features_fire()
    {
        using var sae = Coders.Load(DiffusionFixture.Sae);
        using var generator = new Generator(1);
        var rows = randn([64, 28], generator: generator) * 3;
        using var source = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = rows.clone() }, null);
        var measured = FeatureMoments.Measure(sae, source, ["x"], 64);
        using var codes = sae.Encode(rows);
        var dense = codes.ToDense().to(float64);
        for (var feature = 0; feature < 96; feature++)
        {
            var fired = dense.select(1, feature).data<double>().ToArray().Where(value => value != 0).ToArray();
            Assert.Equal(fired.Length == 0 ? 0 : fired.Average(), measured.Mean[feature], 4);
            Assert.Equal(fired.Length == 0 ? 0 : Math.Sqrt(fired.Average(value => value * value) - Math.Pow(fired.Average(), 2)), measured.Deviation[feature], 2);
        }
    }

    public void Dispose()
    {
        _pipeline.Dispose();
        _scope.Dispose();
    }
}
