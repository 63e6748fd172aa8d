using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the gated architecture in training.</summary>
public sealed record GatedOptions : TrainedOptions
{
    /// <summary>Weight of the penalty on the gate's positive part.</summary>
    public double L1 { get; init; } = 0.1;

    /// <summary>Whether the penalty counts by what a feature writes, for decoder rows of free length (SAELens).</summary>
    public bool WeighsByLength { get; init; }

    /// <summary>Whether the gate's own reconstruction leaves the decoder and its bias alone, as in the paper; SAELens and ViT-Prisma train them too.</summary>
    public bool DetachesDecoder { get; init; } = true;

    /// <summary>Whether the gate's own reconstruction aims at the centred input although it adds the bias (ViT-Prisma).</summary>
    public bool AimsAtCentred { get; init; }

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(L1 >= 0)) faults.Add($"l1 = {L1} must not be negative");
    }
}

/// <summary>
/// Which features fire and how much are told apart: a = p·W_enc; gate a + b_gate &gt; 0; size ReLU(a·exp(r_mag) + b_mag). The gate learns only through
/// its penalty and a reconstruction of its own. "Improving Dictionary Learning with Gated Sparse Autoencoders" (Rajamanoharan et al. 2024).
/// </summary>
[TrainedArchitecture("gated")]
public sealed class TrainedGated : TrainableCoder
{
    private readonly GatedOptions _options;
    private readonly Parameter _gateBias, _sizeScale, _sizeBias;

    /// <summary>Random weights.</summary>
    public TrainedGated(CoderShape shape, GatedOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _gateBias = Add("gate_bias", zeros(Shape.Features));
        _sizeScale = Add("magnitude_scale", zeros(Shape.Features));
        _sizeBias = Add("magnitude_bias", zeros(Shape.Features));
    }

    /// <inheritdoc/>
    public override string Frozen => "gated";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var products = Products(normed);
        var gate = products + _gateBias;
        var codes = (products * _sizeScale.exp() + _sizeBias).relu() * gate.detach().gt(0).to(products.dtype);
        var prediction = Complete(codes.matmul(Decoder) + Bias, normed, batch.Inputs);
        step.Dead.Note(codes);
        var open = gate.relu();
        var (decoder, bias) = _options.DetachesDecoder ? (Decoder.detach(), Bias.detach()) : (Decoder, (Tensor)Bias);
        var guess = open.matmul(decoder) + bias;
        var aim = _options.AimsAtCentred ? Centred(normed) : batch.Targets;
        var own = _options.AimsAtCentred ? guess : Complete(guess, normed, batch.Inputs);
        return
        [
            new("reconstruction", Distance(prediction, batch.Targets)),
            new("sparsity", (_options.WeighsByLength ? open * WrittenLengths() : open).sum(-1).mean(), _options.L1 * step.Sparsity),
            new("gate", ReconstructionLoss.Sse.Loss(own, aim)),
        ];
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) =>
        new GatedCoder(card, CopyWeights(), _gateBias.detach().clone(), _sizeScale.detach().clone(), _sizeBias.detach().clone());
}
