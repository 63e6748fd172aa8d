using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>The committed pipeline with random weights and what the reference computed with it.</summary>
internal sealed class DiffusionFixture : IDisposable
{
    /// <summary>Largest difference relative to the largest reference value: of one module, of a whole run.</summary>
    internal const double OfModule = 2e-5, OfRun = 5e-5;

    private readonly TensorSource _expected = TensorSource.Open(Fixture.Path("diffusion/expected.safetensors"));

    internal static string Folder { get; } = Fixture.Path("diffusion");

    internal static string Sae { get; } = Fixture.Path("diffusion/sae/unet.down_blocks.2.attentions.1_k5_hidden96_auxk16_bs4096_lr0.0001");

    internal static string Prompt => "A photo of a red fox wearing a tuxedo, cinematic shot";

    internal Tensor this[string name] => _expected.Get(name).ToTensor();

    internal bool Has(string name) => _expected.Contains(name);

    internal IEnumerable<string> Names => _expected.Names;

    /// <summary>The U-net's input at a time step, as the reference gave it.</summary>
    internal ModelInput Input(long timestep, string timeIds = "time_ids") => new()
    {
        ["sample"] = this["unet.latent"],
        ["timestep"] = tensor(timestep),
        ["encoder_hidden_states"] = this["prompt_embeds"],
        ["text_embeds"] = this["pooled_prompt_embeds"],
        ["time_ids"] = this[timeIds],
    };

    /// <summary>Fails where a value differs by more than a share of the largest reference value.</summary>
    internal void Check(string name, Tensor got, double limit = OfModule) => Near(name, got, this[name], limit);

    internal static void Near(string what, Tensor got, Tensor want, double limit = OfModule)
    {
        using var scope = NewDisposeScope();
        Assert.True(got.shape.Where(size => size != 1).SequenceEqual(want.shape.Where(size => size != 1)), $"{what}: shape [{string.Join(", ", got.shape)}], expected [{string.Join(", ", want.shape)}]");
        var (g, w) = (got.to(float64).flatten(), want.to(float64).flatten());
        var error = (g - w).abs().max().item<double>() / w.abs().max().item<double>();
        Assert.True(error <= limit, $"{what}: differs by {error:g3} of the largest value (allowed {limit:g2})");
    }

    public void Dispose() => _expected.Dispose();
}
