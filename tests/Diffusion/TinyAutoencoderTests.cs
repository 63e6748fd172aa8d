using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Tiny autoencoders in pipelines, and what of their configurations and folders is refused; their numbers are held by the golden tests.</summary>
public sealed class TinyAutoencoderTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();

    [Fact]
    public void A_pipeline_draws_and_starts_with_one()
    {
        OtherPipelines.WithAutoencoder(_folder, Fixture.Path("models/diffusers_vae_tiny"));
        using var pipeline = TextToImage.Open(_folder.Path);
        Assert.Equal(4, pipeline.Vae.Config.Factor);
        using var made = pipeline.Generate(new GenerateOptions { Prompts = ["a fox"], Seed = 2 });
        using var decoded = pipeline.Vae.Run(new ModelInput { ["latents"] = made.Latents }, HookPlan.Empty);
        Assert.Equal((64, 64), (made.Pictures[0].Width, made.Pictures[0].Height));
        var want = ((decoded.Main / 2 + 0.5).clamp(0.0, 1.0) * 255).round().to(ScalarType.Byte).permute(0, 2, 3, 1).contiguous().data<byte>().ToArray();
        Assert.Equal(want, made.Pictures[0].Pixels.ToArray());

        // There is no variance, so a start picture's latents are the encoder's own; a step that adds almost no noise stays beside them.
        var picture = RgbImage.Filled(64, 64, 200, 30, 60);
        using var started = pipeline.Generate(new GenerateOptions { Prompts = ["a fox"], Steps = 50, Start = picture, Strength = 0.02, Seed = 2 });
        using var encoded = pipeline.Vae.Run(new ModelInput { ["sample"] = (tensor(new float[] { 200, 30, 60 }) / 255 * 2 - 1).view(1, 3, 1, 1).expand(1, 3, 64, 64) }, HookPlan.Empty);
        Assert.True((started.Latents - encoded.Outputs["latents"]).abs().mean().item<float>() < (made.Latents - encoded.Outputs["latents"]).abs().mean().item<float>());
    }

    [Theory]
    [InlineData("encoder_block_out_channels", "[8, 16, 8]", "same channels")]
    [InlineData("num_decoder_blocks", "[1, 1]", "same length")]
    [InlineData("upsampling_scaling_factor", "3", "'upsampling_scaling_factor'")]
    [InlineData("upsample_fn", "\"bilinear\"", "'upsample_fn'")]
    [InlineData("some_new_scale", "0.5", "'some_new_scale'")]
    public void What_is_not_built_is_refused_by_name(string key, string value, string sentence)
    {
        var json = JsonNode.Parse(File.ReadAllText(Fixture.Path("models/diffusers_vae_tiny/config.json")))!;
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(_folder["config.json"], json.ToJsonString());
        File.Copy(Fixture.Path("models/diffusers_vae_tiny/diffusion_pytorch_model.safetensors"), _folder["diffusion_pytorch_model.safetensors"]);
        Assert.Contains(sentence, Assert.Throws<CheckpointException>(() => Models.Load(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_pairs_of_files_or_other_layers_are_refused_in_a_sentence()
    {
        foreach (var name in new[] { "a", "b" })
            foreach (var half in new[] { "encoder", "decoder" }) File.Copy(Fixture.Path($"models/taesd_midblock/tae_{half}.pth"), _folder[$"{name}_{half}.pth"]);
        Assert.Contains("2 autoencoders (a_encoder.pth, b_encoder.pth)", Assert.Throws<CheckpointException>(() => Models.Load(_folder.Path)).Message, StringComparison.Ordinal);
        File.Delete(_folder["b_encoder.pth"]);
        using (var model = Models.Load(_folder.Path))
            Assert.Equal(("taesd", 6, true), (model.Card.Family, ((AutoencoderTiny)model).Config.Latents, ((AutoencoderTiny)model).Config.NormsBesideLatent));
        File.Copy(Fixture.Path("models/taesd_midblock/tae_decoder.pth"), _folder["a_encoder.pth"], overwrite: true);
        Assert.Contains("no autoencoder in TAESD's layout", Assert.Throws<CheckpointException>(() => Models.Load(_folder.Path)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }
}
