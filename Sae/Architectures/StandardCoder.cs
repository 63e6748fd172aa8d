using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One hidden layer with an activation per entry: f = σ((x − b_in)·W_enc + b_enc), x̂ = f·W_dec + b_out. "Towards Monosemanticity" (Anthropic,
/// 2023); with other sites and widths it is a transcoder.
/// </summary>
public sealed class StandardCoder(
    CoderCard card, CoderWeights weights, StandardActivation activation = StandardActivation.Relu, double slope = StandardCoder.UsualSlope)
    : Coder(card, weights)
{
    /// <summary>PyTorch's default slope of a leaky ReLU.</summary>
    public const double UsualSlope = 0.01;

    /// <summary>What is done with pre-activations.</summary>
    public StandardActivation Activation => activation;

    /// <summary>The slope of a leaky ReLU.</summary>
    public double Slope => slope;

    /// <inheritdoc/>
    protected override Codes Select(Tensor products) => new DenseCodes(Apply(products + Weights.EncoderBias, activation, slope));

    /// <summary>The activation, entry by entry.</summary>
    internal static Tensor Apply(Tensor pre, StandardActivation activation, double slope = UsualSlope) => activation switch
    {
        StandardActivation.Relu => pre.relu(),
        StandardActivation.TanhRelu => pre.relu().tanh(),
        StandardActivation.Identity => pre,
        StandardActivation.LeakyRelu => pre.leaky_relu(slope),
        _ => throw new OptionsException($"{activation} is no activation of a standard coder."),
    };
}
