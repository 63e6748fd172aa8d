using Prisma.Engine;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Activation functions by the names that configurations use.</summary>
public static class Activation
{
    private static readonly Func<Tensor, Tensor> s_gelu = x => nn.functional.gelu(x), s_relu = x => x.relu(), s_silu = x => x.silu(), s_tanh = x => x.tanh();

    /// <summary>The function of a configuration's <c>hidden_act</c>.</summary>
    /// <exception cref="CheckpointException">The name is unknown: no function is guessed.</exception>
    public static Func<Tensor, Tensor> Named(string name) => name switch
    {
        "gelu" => s_gelu,
        "quick_gelu" => QuickGelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" or "gelu_accurate" or "gelu_tanh" => TanhGelu,
        "relu" => s_relu,
        "silu" or "swish" => s_silu,
        "tanh" => s_tanh,
        "solu" => Solu,
        _ => throw new CheckpointException($"The activation '{name}' is not built. Known: gelu, quick_gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, silu, tanh, solu."),
    };

    // What the kernel for one token calls it; null where it lacks it.
    internal static BlockKernel.ActivationKind? KindOf(Func<Tensor, Tensor> function) =>
        function == s_gelu ? BlockKernel.ActivationKind.Gelu
        : function == TanhGelu ? BlockKernel.ActivationKind.TanhGelu
        : function == QuickGelu ? BlockKernel.ActivationKind.QuickGelu
        : function == s_relu ? BlockKernel.ActivationKind.Relu
        : function == s_silu ? BlockKernel.ActivationKind.Silu
        : function == s_tanh ? BlockKernel.ActivationKind.Tanh
        : null;

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
