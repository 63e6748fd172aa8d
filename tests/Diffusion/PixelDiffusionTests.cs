using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Pictures without text: whole runs of DDPM against the reference, and what is refused. The U-nets' places are held by the golden tests.</summary>
public sealed class PixelDiffusionTests : IDisposable
{
    private const string Small = """{"_class_name":"DDPMScheduler"}""";

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("small", Small, true)]
    [InlineData("large", """{"_class_name":"DDPMScheduler","variance_type":"fixed_large","timestep_spacing":"trailing","clip_sample":false}""", false)]
    [InlineData("velocity", """{"_class_name":"DDPMScheduler","prediction_type":"v_prediction","beta_schedule":"squaredcos_cap_v2","timestep_spacing":"linspace"}""", true)]
    public void A_run_is_the_references(string name, string scheduler, bool inFolders)
    {
        OtherPipelines.Pixels(_folder, "diffusers_unet_pixels", scheduler, inFolders);
        Assert.True(PixelDiffusion.IsOne(_folder.Path));
        using var expected = TensorSource.Open(Fixture.Path("models/diffusers_unet_pixels/ddpm.safetensors"));
        Tensor Of(string key) => expected.Get($"{name}.{key}").ToTensor();
        using var model = PixelDiffusion.Open(_folder.Path);
        var at = Site.ModuleUpdate["unet.mid_block.attentions.0"];
        using var made = model.Generate(new PixelOptions { Count = 2, Steps = 4, Start = Of("latents"), Noises = Of("noises") }, DenoisePlan.Empty.With(HookPlan.Empty.Keep(at)));
        Assert.True(made.Timesteps.Equals(Of("timesteps")));
        DiffusionFixture.Near(name, made.Steps, Of("steps"), DiffusionFixture.OfRun);
        Assert.Equal([2L, 4, 16, 4, 4], made.Cache[at].shape);
        var picture = made.Pictures[1];
        Assert.Equal((8, 8, 2), (picture.Width, picture.Height, made.Pictures.Count));
        Assert.Equal((byte)Math.Round(Math.Clamp(made.Samples[1, 0, 3, 5].item<float>() / 2 + 0.5, 0, 1) * 255), picture[5, 3].G);
    }

    [Fact]
    public void Seeds_reproduce_and_ddim_draws_too()
    {
        OtherPipelines.Pixels(_folder, "diffusers_unet_classes", """{"_class_name":"DDIMScheduler"}""", inFolders: true);
        using var model = PixelDiffusion.Open(_folder.Path);
        var options = new PixelOptions { Count = 2, Steps = 3, Seed = 9, Classes = [6, 2] };
        using var one = model.Generate(options);
        using var again = model.Generate(options);
        Assert.True(one.Samples.Equals(again.Samples));
        using var second = model.Generate(options with { Count = 1, Seed = 10, Classes = [2] });
        DiffusionFixture.Near("the second picture alone", second.Samples, one.Samples.narrow(0, 1, 1), DiffusionFixture.OfRun);
        using var other = model.Generate(options with { Classes = [6, 3] });
        Assert.True(one.Samples[0].allclose(other.Samples[0], 1e-5, 1e-5));
        Assert.False(one.Samples[1].allclose(other.Samples[1], 1e-3, 1e-3));
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_a_sentence()
    {
        OtherPipelines.Pixels(_folder, "diffusers_unet_classes", Small, inFolders: true);
        using (var model = PixelDiffusion.Open(_folder.Path))
        {
            Refused("give one for each picture (0 to 6)", new PixelOptions());
            Refused("1 classes were given for 2 pictures", new PixelOptions { Count = 2, Classes = [1] });
            Refused("there is no class 7; the model knows 7 (0 to 6)", new PixelOptions { Classes = [7] });
            Refused("the height 9 is no multiple of 2", new PixelOptions { Classes = [1], Height = 9 });
            Refused("1001 steps cannot be made", new PixelOptions { Classes = [1], Steps = 1001 });
            Refused("for the DDIM scheduler alone", new PixelOptions { Classes = [1], Eta = 1 });
            Assert.Contains("The start noise is [1, 3, 4, 4]", Assert.Throws<ShapeException>(() => model.Generate(new PixelOptions { Classes = [1], Start = zeros(1, 3, 4, 4) })).Message, StringComparison.Ordinal);

            void Refused(string sentence, PixelOptions options) => Assert.Contains(sentence, Assert.Throws<OptionsException>(() => model.Generate(options)).Message, StringComparison.Ordinal);
        }
        Assert.Contains("it is no checkpoint that draws without a text", Assert.Throws<CheckpointException>(() => PixelDiffusion.Open(DiffusionFixture.Folder)).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder["scheduler/scheduler_config.json"], """{"_class_name":"DDPMScheduler","variance_type":"learned_range"}""");
        Assert.Contains("'variance_type' = 'learned_range'", Assert.Throws<CheckpointException>(() => PixelDiffusion.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("class_embed_type", "\"timestep\"")]
    [InlineData("downsample_type", "\"resnet\"")]
    [InlineData("time_embedding_type", "\"fourier\"")]
    [InlineData("down_block_types", "[\"SkipDownBlock2D\", \"DownBlock2D\"]")]
    [InlineData("attention_head_dim", "3")]
    public void Configurations_that_are_not_built_are_refused_by_name(string key, string value)
    {
        var json = JsonNode.Parse(File.ReadAllText(Fixture.Path("models/diffusers_unet_classes/config.json")))!;
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(_folder["config.json"], json.ToJsonString());
        File.Copy(Fixture.Path("models/diffusers_unet_classes/diffusion_pytorch_model.safetensors"), _folder["diffusion_pytorch_model.safetensors"]);
        Assert.Contains($"'{key}'", Assert.Throws<CheckpointException>(() => Models.Load(_folder.Path)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }
}
