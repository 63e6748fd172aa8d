using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Biases do not follow gradients: each moves until its feature fires as often as its group is meant to, which is when it finds a feature of that frequency.
/// y = ⟨w, x⟩ with unit rows w and inputs of length 1, f = ReLU(y + b), b in [−1, 0]. "Taming Polysemanticity in LLMs: Provable Feature Recovery via Sparse
/// Autoencoders" (Chen et al. 2025), bias adaptation and group bias adaptation.
/// </summary>
[TrainedArchitecture("bias_adaptation")]
public sealed class TrainedBiasAdaptation : TrainableCoder
{
    private readonly BiasAdaptationOptions _options;
    private readonly Parameter _scale;
    private readonly Tensor _counts, _largest, _rows;
    private readonly double _unit;

    /// <summary>Random weights.</summary>
    public TrainedBiasAdaptation(CoderShape shape, BiasAdaptationOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        // Normed rows have the length √d; features read rows of length 1.
        _unit = options.InputNorm == InputNorm.None ? 1 : Math.Sqrt(Shape.Width);
        _scale = Add("scale", ones(Shape.Features));
        _counts = AddState("counts", zeros(Shape.Features, int64));
        _largest = AddState("largest", full(Shape.Features, -2f));
        _rows = AddState("rows", zeros(1, int64));
        using var frozen = no_grad();
        Form();
    }

    /// <inheritdoc/>
    public override string Frozen => _options.Jumps ? "jumprelu" : "standard";

    /// <inheritdoc/>
    public override bool FormsDecoder => true;

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var y = Products(normed) / _unit;
        var shifted = y + EncoderBias.detach();
        var codes = _options.Jumps ? y * shifted.detach().gt(0).to(y.dtype) : shifted.relu();
        step.Dead.Note(codes);
        Watch(shifted);
        var rows = _options.TiesDecoder ? Encoder * _scale.unsqueeze(1) : Decoder;
        var prediction = Complete(codes.matmul(rows) * _unit + Bias, normed, batch.Inputs);
        return [new("reconstruction", Distance(prediction, batch.Targets))];
    }

    /// <inheritdoc/>
    public override void AfterStep(TrainRows batch, StepInfo step, ICoderMoments moments)
    {
        ArgumentNullException.ThrowIfNull(step);
        using var scope = NewDisposeScope();
        Form();
        if ((step.Step + 1) % _options.Every == 0) Adapt();
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card)
    {
        var weights = new CoderWeights
        {
            Encoder = Encoder.detach() / _unit,
            EncoderBias = _options.Jumps ? zeros(Shape.Features) : EncoderBias.detach().clone(),
            Decoder = Decoder.detach() * _unit,
            OutputBias = Bias.detach().clone(),
            InputBias = InputBias?.detach().clone(),
            Norm = Common.InputNorm,
        };
        return _options.Jumps ? new JumpReluCoder(card, weights, EncoderBias.detach().neg()) : new StandardCoder(card, weights);
    }

    /// <summary>Moves every bias by what was seen since the last time.</summary>
    internal void Adapt()
    {
        using var scope = NewDisposeScope();
        var features = Shape.Features;
        var rate = _counts.to(float32) / _rows.clamp_min(1).to(float32);
        var largest = _largest.clamp_min(0);
        var targets = tensor(_options.Targets(features), [features]);
        // The mean largest activation of each group's features that fired at all.
        var groups = tensor([.. Enumerable.Range(0, features).Select(feature => (long)_options.Group(feature, features))], [features]);
        var fired = largest.gt(0).to(float32);
        var sums = zeros(_options.Groups).scatter_add(0, groups, largest);
        var means = (sums / zeros(_options.Groups).scatter_add(0, groups, fired).clamp_min(1)).index_select(0, groups);
        var lowered = (EncoderBias - largest * _options.Lowers).clamp_min(-1);
        var raised = (EncoderBias + means * _options.Raises).clamp_max(0);
        var moved = lowered.where(rate.gt(targets), raised.where(rate.lt(_options.Silent), EncoderBias));
        EncoderBias.copy_(moved);
        _counts.zero_();
        _largest.fill_(-2);
        _rows.zero_();
    }

    // Unit rows; a tied decoder is a copy of them, for reading and writing.
    private void Form()
    {
        using var scope = NewDisposeScope();
        Encoder.copy_(nn.functional.normalize(Encoder));
        if (_options.TiesDecoder) Decoder.copy_(Encoder * _scale.unsqueeze(1));
    }

    private void Watch(Tensor shifted)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var seen = shifted.detach();
        _counts.add_(seen.gt(0).sum([0L]));
        _largest.copy_(_largest.maximum(seen.amax(0)));
        _rows.add_(seen.shape[0]);
    }
}
