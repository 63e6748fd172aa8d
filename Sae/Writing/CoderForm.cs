using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What writers ask about a coder with one encoder and one decoder, and the tensors that most layouts share.</summary>
internal static class CoderForm
{
    /// <summary>What keeps a coder out of layouts for one plain coder of one place; null where nothing does.</summary>
    internal static string? NotPlain(ICoder coder) => coder switch
    {
        TranscoderSet or CrossLayerCoder => "it is a coder of several layers",
        DecoupledCrosscoder => "it is a crosscoder",
        Coder { Card.Sites: > 1 } => "it is a crosscoder",
        Coder { Weights.CodeNorms: not null } => "it ranks features by the length they write while keeping codes as they are",
        Coder { Weights.SoftCap: not null } => "its codes are bent by a soft cap",
        Coder { Weights.EncodesRaw: true } => "it encodes the raw input but scales its prediction back",
        Coder => null,
        _ => $"it is a {coder.Card.Architecture}",
    };

    /// <summary>Whether it predicts another place than it reads.</summary>
    internal static bool Transcodes(Coder coder) =>
        coder.Card.Inputs != coder.Card.Outputs || coder.Weights.Skip is not null || (coder.Card.Writes.Count > 0 && !coder.Card.Reads.SequenceEqual(coder.Card.Writes));

    /// <summary>Whether the input is not normalised; otherwise why a layout without run-time normalisation cannot say it.</summary>
    internal static string? Normed(Coder coder) => coder.Weights.Norm == InputNorm.None ? null : "its input is normalised at run time";

    /// <summary>Why a layout that keeps values below zero as it finds them, or never has them, cannot say a JumpReLU; null where it can.</summary>
    internal static bool MayBeNegative(JumpReluCoder coder) => coder.Thresholds.lt(0).any().item<bool>();

    /// <summary>b_enc for a layout that subtracts <paramref name="inputBias"/> from the input (null: nothing).</summary>
    internal static Tensor EncoderBias(Coder coder, Tensor? inputBias) => Shifted(coder, coder.Weights.EncoderBias, inputBias);

    /// <summary>A bias of the architecture, added to products with the encoder, for a layout that subtracts another bias from the input.</summary>
    internal static Tensor Shifted(Coder coder, Tensor bias, Tensor? inputBias) =>
        coder.Weights.ShiftFor(inputBias) is { } shift ? bias + shift : bias;

    /// <summary>A gated coder's b_mag for a layout that subtracts another bias: magnitudes are scaled before it is added.</summary>
    internal static Tensor MagnitudeBias(GatedCoder coder, Tensor? inputBias) =>
        coder.Weights.ShiftFor(inputBias) is { } shift ? coder.MagnitudeBias + shift * coder.MagnitudeScale.exp() : coder.MagnitudeBias;

    /// <summary>The same threshold for every feature: [F].</summary>
    internal static Tensor Thresholds(BatchTopKCoder coder) => full(coder.Card.Features, Math.Max(0, coder.Threshold!.Value));

    /// <summary>The name of the place a coder reads or writes, in TransformerLens' spelling.</summary>
    internal static string Place(IReadOnlyList<HookSite> places, string spelled) => places is [var place] ? place.ToString() : spelled;
}
