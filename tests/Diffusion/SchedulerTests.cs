using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Schedulers against the reference's traces, and what of their configurations is refused.</summary>
public sealed class SchedulerTests
{
    private const double OfTrace = 5e-6;

    public static TheoryData<string> Cases => [.. CasesJson().EnumerateObject().Select(pair => pair.Name)];

    [Theory, MemberData(nameof(Cases))]
    public void Every_step_is_the_references(string name)
    {
        using var scope = NewDisposeScope();
        using var expected = TensorSource.Open(Fixture.Path("diffusion/schedulers.safetensors"));
        var told = CasesJson().GetProperty(name);
        var schedule = Start(told, told.GetProperty("num_inference_steps").GetInt32());
        Tensor Want(string key) => expected.Get($"{name}.{key}").ToTensor();
        using (var timesteps = schedule.AllTimesteps())
        {
            // Steps between those of the training come from logarithms, whose last bit is the processor's.
            Assert.Equal(Want("timesteps").dtype, timesteps.dtype);
            DiffusionFixture.Near("timesteps", timesteps, Want("timesteps"), timesteps.is_floating_point() ? OfTrace : 0);
        }
        Assert.Equal(told.GetProperty("uses_noise").GetBoolean(), schedule.UsesNoise);
        DiffusionFixture.Near("init_noise_sigma", tensor(schedule.StartSigma), Want("init_noise_sigma"), OfTrace);
        if (schedule is SigmaSchedule { Sigmas: var sigmas }) DiffusionFixture.Near("sigmas", tensor(sigmas.ToArray()), Want("sigmas"), OfTrace);
        var (outputs, samples, scaled, clean) = (Want("model_outputs"), Want("samples"), Want("scaled_inputs"), Want("pred_x0"));
        var noises = schedule.UsesNoise ? Want("noises") : null;
        var sample = Want("x0");
        for (var step = 0; step < schedule.Timesteps.Count; step++)
        {
            DiffusionFixture.Near($"scaled input {step}", schedule.ModelInput(sample, step), scaled[step], OfTrace);
            var (next, predicted) = schedule.Advance(outputs[step], sample, step, noises?[step]);
            DiffusionFixture.Near($"clean {step}", predicted, clean[step], OfTrace);
            DiffusionFixture.Near($"sample {step}", next, samples[step], OfTrace);
            sample = next;
        }
    }

    [Theory]
    [InlineData("ddim", "ddim.leading.5")]
    [InlineData("euler_ancestral", "euler_ancestral.turbo.4")]
    public void Noise_is_added_as_the_reference_does(string kind, string config)
    {
        using var scope = NewDisposeScope();
        using var expected = TensorSource.Open(Fixture.Path("diffusion/schedulers.safetensors"));
        Tensor Want(string key) => expected.Get($"add_noise.{kind}.{key}").ToTensor();
        var at = Want("timesteps").to(float64).data<double>().ToArray();
        var steps = Enumerable.Range(1, 50).First(count => kind == "ddim" || at.All(Start(CasesJson().GetProperty(config), count).Timesteps.Contains));
        var schedule = Start(CasesJson().GetProperty(config), steps);
        for (var i = 0; i < at.Length; i++) DiffusionFixture.Near($"{i}", schedule.AddNoise(Want("x0")[i], Want("noise")[i], at[i]), Want("out")[i], OfTrace);
    }

    [Fact]
    public void Levels_of_noise_are_the_references()
    {
        using var scope = NewDisposeScope();
        using var expected = TensorSource.Open(Fixture.Path("diffusion/schedulers.safetensors"));
        var reader = new ConfigReader(CasesJson().GetProperty("ddim.leading.5").GetProperty("config"), "case");
        DiffusionFixture.Near("alphas_cumprod", tensor(NoiseLevels.Read(reader).Left), expected.Get("alphas_cumprod").ToTensor(), 1e-7);
    }

    // By hand: 4 of 50 trained steps, 20 apart; the last step returns the jump itself.
    [Fact]
    public void Consistency_models_jump_and_return()
    {
        using var scope = NewDisposeScope();
        var schedule = Read("""{"_class_name":"LCMScheduler"}""").Start(4);
        Assert.Equal([999, 759, 499, 259], schedule.Timesteps);
        var reader = new ConfigReader(JsonDocument.Parse("""{"beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear"}""").RootElement, "levels");
        var left = NoiseLevels.Read(reader).Left;
        var (sample, prediction, noise) = (ones(1), full(1, 0.5), full(1, 2.0));
        var (next, jumped) = schedule.Advance(prediction, sample, 1, noise);
        var clean = (1 - Math.Sqrt(1 - left[759]) * 0.5) / Math.Sqrt(left[759]);
        var mixed = clean * 7590 / Math.Sqrt(7590.0 * 7590 + 0.25) + 0.25 / (7590.0 * 7590 + 0.25);
        Close.Check("jump", jumped, tensor(mixed));
        Close.Check("next", next, tensor(mixed * Math.Sqrt(left[499]) + 2 * Math.Sqrt(1 - left[499])));
        var (end, same) = schedule.Advance(prediction, sample, 3, noise);
        Assert.True(end.Equals(same));
    }

    [Fact]
    public void A_schedule_rescaled_to_pure_noise_ends_in_it()
    {
        var euler = Read("""{"_class_name":"EulerDiscreteScheduler","beta_schedule":"scaled_linear","rescale_betas_zero_snr":true,"timestep_spacing":"trailing"}""").Start(4);
        Assert.Equal(4096, euler.StartSigma, 1);
        var ddim = Read("""{"_class_name":"DDIMScheduler","rescale_betas_zero_snr":true,"timestep_spacing":"trailing","prediction_type":"v_prediction"}""").Start(4);
        using var scope = NewDisposeScope();
        Close.Check("pure noise", ddim.AddNoise(ones(3), full(3, 2.0), 999), full(3, 2.0));
    }

    [Theory]
    [InlineData("PNDMScheduler", "", "'PNDMScheduler' is not built")]
    [InlineData("EulerDiscreteScheduler", "\"use_beta_sigmas\":true", "'use_beta_sigmas'")]
    [InlineData("EulerDiscreteScheduler", "\"timestep_type\":\"continuous\"", "'timestep_type' = 'continuous'")]
    [InlineData("EulerAncestralDiscreteScheduler", "\"use_magic\":\"yes\"", "'use_magic' = \"yes\" is not known")]
    [InlineData("DDIMScheduler", "\"thresholding\":true", "'thresholding'")]
    [InlineData("DDIMScheduler", "\"beta_schedule\":\"sigmoid\"", "'sigmoid' is not built")]
    [InlineData("LCMScheduler", "\"timestep_spacing\":3, \"clip_sample\":1", "'clip_sample' is 1")]
    public void What_is_not_built_is_refused_by_name(string name, string option, string sentence)
    {
        var error = Assert.Throws<CheckpointException>(() => Read($$"""{"_class_name":"{{name}}"{{(option.Length > 0 ? "," + option : "")}}}"""));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_of_steps_that_cannot_be_made_are_refused()
    {
        var scheduler = Scheduler.Open(Fixture.Path("diffusion/scheduler"));
        Assert.Contains("1 to 1000", Assert.Throws<OptionsException>(() => scheduler.Start(0)).Message, StringComparison.Ordinal);
        Assert.Contains("1 to 1000", Assert.Throws<OptionsException>(() => scheduler.Start(1001)).Message, StringComparison.Ordinal);
    }

    private static Schedule Start(JsonElement told, int steps)
    {
        var config = JsonNode.Parse(told.GetProperty("config").GetRawText())!;
        config["_class_name"] = told.GetProperty("scheduler").GetString();
        var scheduler = Read(config.ToJsonString());
        return (told.GetProperty("step_kwargs").TryGetProperty("eta", out var eta) ? ((DdimScheduler)scheduler).WithEta(eta.GetDouble()) : scheduler).Start(steps);
    }

    private static Scheduler Read(string json) => Scheduler.Read(JsonDocument.Parse(json).RootElement, "case");

    private static JsonElement CasesJson() => JsonDocument.Parse(File.ReadAllText(Fixture.Path("diffusion/cases.json"))).RootElement.GetProperty("schedulers");
}
