using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Pipelines whose U-net reads the guidance's strength, as latent consistency models do.</summary>
public sealed class GuidedByInputTests : IDisposable
{
    private const int Width = 6;

    private static readonly GenerateOptions s_options = new() { Prompts = ["a fox"], Steps = 2, Seed = 3, Guidance = 8.5 };

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();
    private readonly TextToImage _pipeline;

    public GuidedByInputTests()
    {
        OtherPipelines.ReadingGuidance(_folder, Width);
        _pipeline = TextToImage.Open(_folder.Path);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    public void The_strength_is_embedded_as_the_reference_does(int width)
    {
        using var expected = TensorSource.Open(Fixture.Path("models/diffusers_unet_lcm/guidance.safetensors"));
        var got = GuidanceWaves.Of(expected.Get("strengths").ToTensor(), width);
        // Angles up to 13,000 leave float32 four digits behind the point.
        Assert.True((got - expected.Get($"embedding.{width}").ToTensor()).abs().max().item<float>() < 2e-3);
        Assert.Equal([3L, width], got.shape);
    }

    [Fact]
    public void One_pass_a_step_reads_the_embedding_and_no_negative_prompt()
    {
        Assert.True(_pipeline.EmbedsGuidance);
        var seen = new List<DenoiseStep>();
        using var made = _pipeline.Generate(s_options, DenoisePlan.Empty.With(HookPlan.Empty, step =>
        {
            seen.Add(step);
            return false;
        }));
        Assert.Equal([(0, true), (1, true)], seen.Select(step => (step.Index, step.IsConditional)));
        Assert.Null(made.Negative);

        // The first step by hand.
        var schedule = _pipeline.Scheduler.Start(2);
        using var generator = new Generator(3);
        var start = randn([1, 4, 16, 16], generator: generator);
        var noise = randn([1, 4, 16, 16], generator: generator);
        var input = new ModelInput
        {
            ["sample"] = start,
            ["timestep"] = schedule.TimestepAt(0),
            ["encoder_hidden_states"] = made.Prompt.Tokens,
            ["text_embeds"] = made.Prompt.Pooled!,
            ["time_ids"] = tensor(new float[] { 128, 128, 0, 0, 128, 128 }, [1, 6]),
            ["timestep_cond"] = GuidanceWaves.Of(tensor(8.5f), Width),
        };
        var (next, _) = schedule.Advance(_pipeline.Unet.Run(input), start, 0, noise);
        Assert.True(made.Steps[0].Equals(next));
    }

    [Fact]
    public void Another_strength_makes_another_picture()
    {
        using var one = _pipeline.Generate(s_options);
        using var other = _pipeline.Generate(s_options with { Guidance = 2 });
        Assert.False(one.Latents.Equals(other.Latents));
    }

    [Fact]
    public void What_such_a_unet_does_not_do_is_refused_in_a_sentence()
    {
        Assert.Contains("sees no negative prompt", Assert.Throws<OptionsException>(() => _pipeline.Generate(s_options with { Negative = "a house" })).Message, StringComparison.Ordinal);
        Assert.Contains("must be 1 or more, not 0", Assert.Throws<OptionsException>(() => _pipeline.Generate(s_options with { Guidance = 0 })).Message, StringComparison.Ordinal);
        using var unet = Models.Load(Fixture.Path("models/diffusers_unet_lcm"));
        using var blank = NewDisposeScope();
        var input = ((Unet)unet).Blank(8, 8);
        input.Add("timestep_cond", zeros(1, 5));
        Assert.Contains("timestep_cond is [1, 5]; expected [1, 6]", Assert.Throws<ShapeException>(() => unet.Run(input)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _pipeline.Dispose();
        _scope.Dispose();
        _folder.Dispose();
    }
}
