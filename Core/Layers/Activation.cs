using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Activation functions by the names that configurations use.</summary>
public static class Activation
{
    /// <summary>The function of a configuration's <c>hidden_act</c>.</summary>
    /// <exception cref="CheckpointException">The name is unknown: no function is guessed.</exception>
    public static Func<Tensor, Tensor> Named(string name) => name switch
    {
        "gelu" => nn.functional.gelu,
        "quick_gelu" => QuickGelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" or "gelu_accurate" or "gelu_tanh" => TanhGelu,
        "relu" => x => x.relu(),
        "silu" or "swish" => x => x.silu(),
        "tanh" => x => x.tanh(),
        "solu" => Solu,
        _ => throw new CheckpointException($"The activation '{name}' is not built. Known: gelu, quick_gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, silu, tanh, solu."),
    };

    // x · σ(1.702 x): OpenAI's CLIP. Taking erf-GELU instead moves activations by up to 2e-2.
    private static Tensor QuickGelu(Tensor x)
    {
        using var gate = (x * 1.702).sigmoid_();
        return x * gate;
    }

    // x · softmax(x) over the neurons (Elhage et al. 2022).
    private static Tensor Solu(Tensor x)
    {
        using var share = x.softmax(-1);
        return x * share;
    }

    private static Tensor TanhGelu(Tensor x) => nn.functional.gelu(x, GELU.Approximate.tanh);
}
