using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A cross-layer transcoder: features of layer l read layer l and write to l and all later layers, ŷᵐ = bᵐ + Σ_{l≤m} fˡ·W_dec(l→m), fˡ = JumpReLU. The loss is
/// Σ_m sse + λ·Σ tanh(c·‖W_dec‖·f). "Circuit Tracing" (Ameisen et al. 2025). Features of all layers stand below each other: encoder [L·F, d_in], decoder
/// [L·F, L·d_out], whose blocks to earlier layers stay zero.
/// </summary>
[TrainedArchitecture("cross_layer")]
public sealed class TrainedCrossLayer : TrainableCoder
{
    private readonly CrossLayerOptions _options;
    private readonly Parameter _threshold;
    private readonly int _layers, _features, _width, _written;

    /// <summary>Random weights.</summary>
    /// <param name="shape">The layers that are read and written; features are those of each layer.</param>
    /// <param name="options">The options.</param>
    /// <param name="seed">The seed of the weights.</param>
    public TrainedCrossLayer(CoderShape shape, CrossLayerOptions options, long seed) : base(Stacked(shape), options, seed)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(options);
        (_options, _layers, _features, _width, _written) = (options, shape.Inputs.Count, shape.Features, shape.Inputs[0], shape.Outputs[0]);
        _threshold = Add("log_threshold", full(Shape.Features, Math.Log(options.StartThreshold)));
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        for (var layer = 0; layer < _layers; layer++)
        {
            var own = Decoder.narrow(0, (long)layer * _features, _features);
            var (first, last) = Reach(layer);
            if (first > 0) own.narrow(1, 0, first * _written).zero_();
            if (last < _layers) own.narrow(1, last * _written, (_layers - last) * _written).zero_();
        }
    }

    /// <inheritdoc/>
    public override string Frozen => $"cross_layer_transcoder ({_layers} layers, jumprelu)";

    /// <inheritdoc/>
    public override bool FormsDecoder => true;

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var pre = cat([.. Enumerable.Range(0, _layers).Select(layer => batch.Inputs.narrow(1, layer * _width, _width).matmul(Rows(Encoder, layer).t()))], 1) + EncoderBias;
        var threshold = _threshold.exp();
        var codes = TrainedJumpRelu.Jump(pre, threshold, _options.Bandwidth);
        step.Dead.Note(codes);
        var prediction = Bias.unsqueeze(0);
        for (var layer = 0; layer < _layers; layer++)
        {
            var (first, last) = Reach(layer);
            var written = codes.narrow(1, layer * _features, _features).matmul(Rows(Decoder, layer).narrow(1, first * _written, (last - first) * _written));
            prediction = prediction + Padded(written, first, last);
        }
        var lengths = Decoder.norm(1);
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(prediction, batch.Targets)),
            new("sparsity", (codes * lengths * _options.TanhScale).tanh().sum(-1).mean(), _options.Sparsity * step.Sparsity),
        ];
        if (_options.PreActivation > 0)
            terms.Add(new LossTerm("pre_activation", ((threshold - pre).relu() * lengths).sum(-1).mean(), _options.PreActivation));
        return terms;
    }

    /// <inheritdoc/>
    internal override Tensor Arranged(Tensor rows) => rows.reshape(rows.shape[0], _layers, -1).transpose(0, 1).contiguous();

    /// <inheritdoc/>
    protected override ICoder Build(CoderCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        var own = card with { Inputs = _width, Features = _features, Outputs = _written, Sites = 1 };
        var layers = Enumerable.Range(0, _layers).Select(ISparseCoder (layer) => new JumpReluCoder(
            own with { Architecture = "jumprelu", Reads = Only(card.Reads, layer), Writes = Only(card.Writes, layer) },
            new CoderWeights
            {
                Encoder = Rows(Encoder, layer).detach().clone(),
                EncoderBias = EncoderBias.detach().narrow(0, layer * _features, _features).clone(),
                Decoder = Block(layer, layer),
                OutputBias = Bias.detach().narrow(0, layer * _written, _written).clone(),
            },
            _threshold.detach().exp().narrow(0, layer * _features, _features).clone(), signed: true)).ToList();
        return new CrossLayerCoder(own, layers,
            [.. Enumerable.Range(0, _layers).Select(IReadOnlyList<Tensor> (from) => [.. Enumerable.Range(from + 1, _layers - from - 1).Select(to => Block(from, to))])]);
    }

    private static CoderShape Stacked(CoderShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new CoderShape([shape.Inputs[0]], shape.Features * shape.Inputs.Count, shape.Outputs);
    }

    private static IReadOnlyList<T> Only<T>(IReadOnlyList<T> places, int layer) => layer < places.Count ? [places[layer]] : [];

    // The layers that a layer's features write to: from the first to before the last.
    private (int First, int Last) Reach(int layer) => (layer, _options.WritesAcross ? _layers : layer + 1);

    private Tensor Rows(Tensor matrix, int layer) => matrix.narrow(0, (long)layer * _features, _features);

    private Tensor Block(int from, int to) => Rows(Decoder, from).detach().narrow(1, (long)to * _written, _written).clone().contiguous();

    private Tensor Padded(Tensor written, int first, int last)
    {
        var rows = written.shape[0];
        List<Tensor> parts = [written];
        if (first > 0) parts.Insert(0, zeros(rows, first * _written));
        if (last < _layers) parts.Add(zeros(rows, (_layers - last) * _written));
        return parts.Count == 1 ? written : cat(parts, 1);
    }
}
