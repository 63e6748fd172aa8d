using Prisma.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Autoencoders and the text encoders of a pipeline against the reference.</summary>
public sealed class VaeTests : IDisposable
{
    private readonly DiffusionFixture _expected = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void Pictures_and_latents_are_coded_as_the_reference_does()
    {
        using var vae = Models.Load(Fixture.Path("diffusion/vae"));
        using var encoded = vae.Run(_expected["vae.encode.in"], HookPlan.Empty);
        _expected.Check("vae.encode.mean", encoded.Outputs["latent_mean"]);
        _expected.Check("vae.encode.logvar", encoded.Outputs["latent_logvar"]);
        Assert.Equal(2, encoded.Outputs.Count);
        using var decoded = vae.Run(new ModelInput { ["latents"] = _expected["denoise1.out"] / 0.13025 }, HookPlan.Empty);
        _expected.Check("vae.decode.out", decoded.Main);
        Assert.Equal(["sample"], decoded.Outputs.Keys);
    }

    [Fact]
    public void Older_names_of_the_attentions_matrices_load_too()
    {
        using var folder = new TempFolder();
        File.Copy(Fixture.Path("diffusion/vae/config.json"), folder["config.json"]);
        using (var source = TensorSource.Open(Fixture.Path("diffusion/vae/diffusion_pytorch_model.safetensors")))
            Safetensors.Write(folder["diffusion_pytorch_model.safetensors"], source.Tensors.Select(tensor => tensor.Renamed(tensor.Name
                .Replace("to_q", "query", StringComparison.Ordinal).Replace("to_k", "key", StringComparison.Ordinal)
                .Replace("to_v", "value", StringComparison.Ordinal).Replace("to_out.0", "proj_attn", StringComparison.Ordinal))));
        using var vae = Models.Load(folder.Path);
        using var encoded = vae.Run(_expected["vae.encode.in"], HookPlan.Empty);
        _expected.Check("vae.encode.mean", encoded.Outputs["latent_mean"]);
    }

    [Theory]
    [InlineData("text_encoder", 1, 3, "text.input_ids")]
    [InlineData("text_encoder_2", 2, 4, "text.input_ids_2")]
    public void Text_encoders_have_the_references_hidden_states(string folder, int number, int layers, string ids)
    {
        using var model = Models.Load(Fixture.Path($"diffusion/{folder}"));
        using var recording = model.Run(new ModelInput { ["input_ids"] = _expected[ids] }, HookPlan.Empty.Keep("*hook_resid_*"));
        var prefix = $"text.encoder_{number}.";
        for (var i = 0; i <= layers; i++)
            _expected.Check($"{prefix}hidden_states.{i}", recording.Cache[i < layers ? Site.ResidPre[i] : Site.ResidPost[i - 1]]);
        _expected.Check(prefix + "last_hidden_state", recording.Outputs["last_hidden_state"]);
        if (number == 1) _expected.Check(prefix + "pooler_output", recording.Outputs["pooler_output"]);
        else _expected.Check(prefix + "text_embeds", recording.Outputs["text_embeds"]);
    }

    [Fact]
    public void Another_number_of_channels_is_refused_in_a_sentence()
    {
        using var vae = Models.Load(Fixture.Path("diffusion/vae"));
        var error = Assert.Throws<ShapeException>(() => vae.Run(new ModelInput { ["latents"] = zeros(1, 3, 4, 4) }, HookPlan.Empty));
        Assert.Contains("expected [batch, 4, height, width]", error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _expected.Dispose();
    }
}
