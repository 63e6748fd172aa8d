using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Whole runs against the reference, and the laws of plans over steps.</summary>
public sealed class PipelineTests : IDisposable
{
    private const string Down = "unet.down_blocks.2.attentions.1";

    private readonly DiffusionFixture _expected = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void Prompts_are_cut_and_embedded_as_the_reference_does()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        using var prompt = pipeline.Encode([DiffusionFixture.Prompt]);
        _expected.Check("prompt_embeds", prompt.Tokens);
        _expected.Check("pooled_prompt_embeds", prompt.Pooled!);
        using var negative = pipeline.Encode(["blue house"]);
        _expected.Check("negative_prompt_embeds", negative.Tokens);
        _expected.Check("negative_pooled_prompt_embeds", negative.Pooled!);
    }

    [Theory]
    [InlineData("denoise1", 1, 0.0, null, null)]
    [InlineData("denoise4", 4, 0.0, null, null)]
    [InlineData("denoise_cfg", 3, 5.0, "blue house", null)]
    [InlineData("denoise_cfg_zero_neg", 2, 7.5, null, null)]
    [InlineData("denoise_euler4", 4, 0.0, null, """{"_class_name":"EulerDiscreteScheduler","beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","timestep_spacing":"leading","steps_offset":1}""")]
    [InlineData("denoise_ddim4", 4, 0.0, null, """{"_class_name":"DDIMScheduler","beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","timestep_spacing":"trailing","steps_offset":1,"clip_sample":false,"set_alpha_to_one":false}""")]
    public void A_run_is_the_references(string name, int steps, double guidance, string? negative, string? scheduler)
    {
        var other = scheduler is null ? null : Scheduler.Read(System.Text.Json.JsonDocument.Parse(scheduler).RootElement, "case");
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder, other);
        var sites = _expected.Names.Where(key => key.StartsWith($"{name}.unet.", StringComparison.Ordinal)).ToList();
        var kept = sites.Aggregate(HookPlan.Empty, (plan, key) => plan.Keep(PlaceOf(key, name)));
        using var made = pipeline.Generate(Options(name, steps) with { Guidance = guidance, Negative = negative }, DenoisePlan.Empty.With(kept));
        _expected.Check($"{name}.steps", made.Steps, DiffusionFixture.OfRun);
        _expected.Check($"{name}.out", made.Latents, DiffusionFixture.OfRun);
        foreach (var key in sites) _expected.Check(key, made.Cache[PlaceOf(key, name)], DiffusionFixture.OfRun);
        Assert.Equal(sites.Count, made.Cache.Sites.Count);
        if (name != "denoise1") return;
        var want = _expected["vae.decode.image_u8"].data<byte>().ToArray();
        var got = made.Pictures[0].Pixels.ToArray();
        Assert.Equal(want.Length, got.Length);
        Assert.True(got.Zip(want).All(pair => Math.Abs(pair.First - pair.Second) <= 1));
    }

    [Fact]
    public void A_picture_does_not_depend_on_those_beside_it()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        var options = new GenerateOptions { Prompts = ["a fox", "a house"], Steps = 2, Seed = 7 };
        using var both = pipeline.Generate(options);
        using var again = pipeline.Generate(options);
        Assert.True(both.Latents.Equals(again.Latents));
        using var second = pipeline.Generate(options with { Prompts = ["a house"], Seed = 8 });
        DiffusionFixture.Near("second picture", both.Latents[1].unsqueeze(0), second.Latents, DiffusionFixture.OfRun);
        Assert.False(both.Latents[0].Equals(both.Latents[1]));
    }

    [Fact]
    public void A_plan_holds_for_the_passes_that_it_names()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        var options = Options("denoise_cfg", 3) with { Guidance = 5, Negative = "blue house" };
        var seen = new List<DenoiseStep>();
        var at = Site.ModuleUpdate[Down];
        var plan = DenoisePlan.Empty
            .With(HookPlan.Empty.Keep(at), step => step.Index == 1)
            .With(HookPlan.Empty.Edit(at, (value, _) => value), step =>
            {
                seen.Add(step);
                return false;
            });
        using var made = pipeline.Generate(options, plan);
        _expected.Check("denoise_cfg.out", made.Latents, DiffusionFixture.OfRun);
        Assert.Equal([1L, 1, 28, 4, 4], made.Cache[at].shape);
        Assert.Equal([1L, 1, 28, 4, 4], made.NegativeCache[at].shape);
        Assert.False(made.Cache[at].Equals(made.NegativeCache[at]));
        Assert.Equal([(0, true), (0, false), (1, true), (1, false), (2, true), (2, false)], seen.Select(step => (step.Index, step.IsConditional)));
        Assert.Equal(made.Timesteps.data<float>().ToArray(), seen.Where(step => step.IsConditional).Select(step => (float)step.Timestep));
    }

    [Fact]
    public void A_start_picture_takes_the_last_share_of_the_steps()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        var options = new GenerateOptions { Prompts = ["a fox"], Steps = 4, Start = RgbImage.Filled(40, 40, 200, 30, 60), Strength = 0.5, Seed = 3 };
        using var made = pipeline.Generate(options);
        Assert.Equal([2L, 1, 4, 16, 16], made.Steps.shape);
        Assert.Equal([499f, 249], made.Timesteps.data<float>().ToArray());
        using var near = pipeline.Generate(options with { Steps = 50, Strength = 0.02 });
        using var clean = pipeline.Vae.Run(new ModelInput { ["sample"] = (tensor(new float[] { 200, 30, 60 }) / 255 * 2 - 1).view(1, 3, 1, 1).expand(1, 3, 128, 128) }, HookPlan.Empty);
        Assert.True((near.Latents / 0.13025 - clean.Outputs["latent_mean"]).abs().mean().item<float>() < (made.Latents / 0.13025 - clean.Outputs["latent_mean"]).abs().mean().item<float>());
        Assert.Contains("takes none of 4 steps", Assert.Throws<OptionsException>(() => pipeline.Generate(options with { Strength = 0.1 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refiner_is_told_how_fine_the_picture_is()
    {
        using var folder = new TempFolder();
        OtherPipelines.Refining(folder);
        using var pipeline = TextToImage.Open(folder.Path);
        var options = Options("denoise1", 1) with { Guidance = 2, Negative = "blue house" };
        var at = Site.AddedEmbedding["unet"];
        using var made = pipeline.Generate(options, DenoisePlan.Empty.With(HookPlan.Empty.Keep(at), _ => true));
        foreach (var (cache, prompt, score) in new[] { (made.Cache, made.Prompt, 6f), (made.NegativeCache, made.Negative!, 2.5f) })
        {
            var input = new ModelInput
            {
                ["sample"] = zeros(1, 4, 16, 16),
                ["timestep"] = tensor(0L),
                ["encoder_hidden_states"] = prompt.Tokens,
                ["text_embeds"] = prompt.Pooled!,
                ["time_ids"] = tensor(new float[] { 128, 128, 0, 0, score }, [1, 5]),
            };
            using var recording = pipeline.Unet.Run(input, HookPlan.Empty.Keep(at));
            DiffusionFixture.Near("added embedding", cache[at], recording.Cache[at]);
        }
        using var finer = pipeline.Generate(options with { AestheticScore = 9 });
        Assert.False(finer.Latents.Equals(made.Latents));
    }

    [Fact]
    public void Tiles_cover_a_large_picture_and_one_tile_is_the_whole()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        var latents = _expected["denoise1.out"];
        Assert.True(pipeline.Decode(latents, tiles: true).Equals(pipeline.Decode(latents)));
        using var generator = new Generator(4);
        var large = randn([1, 4, 22, 19], generator: generator);
        var tiled = pipeline.Decode(large, tiles: true);
        Assert.Equal([1L, 3, 176, 152], tiled.shape);
        var first = pipeline.Decode(large.narrow(2, 0, 16).narrow(3, 0, 16)).narrow(2, 0, 96).narrow(3, 0, 96);
        Assert.True(tiled.narrow(2, 0, 96).narrow(3, 0, 96).Equals(first));
    }

    [Theory]
    [InlineData(15, null, "the height 15 is no multiple of 8")]
    [InlineData(64, 0, "the width 0 is no multiple of 8")]
    public void Sizes_that_the_latents_do_not_have_are_refused(int height, int? width, string sentence)
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        var error = Assert.Throws<OptionsException>(() => pipeline.Generate(new GenerateOptions { Prompts = ["a"], Height = height, Width = width }));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _expected.Dispose();
    }

    private GenerateOptions Options(string name, int steps) => new()
    {
        Prompts = [DiffusionFixture.Prompt],
        Steps = steps,
        Latents = _expected[$"{name}.latents"],
        Noises = _expected[$"{name}.noises"],
    };

    private static HookSite PlaceOf(string key, string name) => Site.Parse(key[(name.Length + 1)..^".diff".Length] + ".hook_update");
}
