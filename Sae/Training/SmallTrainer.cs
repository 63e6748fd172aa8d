using Prisma.Core;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Trains a top-k coder (Gao et al. 2024: unit decoder rows, dead features learn the error) or a ReLU coder with an L1 penalty, on one matrix
/// in memory. Loss: Σ‖e‖²/(n·d) on inputs scaled to unit variance, + weight · Σ‖ê − e‖²/Σ‖e − ē‖² for dead features, + L1 · Σf.
/// The same seed, data and thread count give the same coder.
/// </summary>
public sealed class SmallTrainer : IDisposable
{
    private const int InitRows = 8192;
    private const int ReportEvery = 50;

    private readonly SmallTrainerOptions _options;
    private readonly long _width;
    private readonly double _scale;
    private readonly Parameter _encoder, _encoderBias, _decoder, _bias;
    private readonly Tensor _silent;
    private readonly optim.Optimizer _optimizer;

    // Works on x·scale, so that step sizes and penalties mean the same for every model.
    private SmallTrainer(Tensor sample, SmallTrainerOptions options)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        using var generator = new Generator((ulong)options.Seed);
        (_options, _width) = (options, sample.shape[1]);
        var median = GeometricMedian.Of(sample);
        var spread = Math.Sqrt((sample - median).square().mean().item<float>());
        _scale = spread > 0 ? 1 / spread : throw new OptionsException("All activations are equal: there is nothing to learn.");
        var rows = nn.functional.normalize(randn(options.Features, _width, generator: generator));
        _decoder = Parameter(rows);
        _encoder = Parameter(_decoder.detach().clone());
        _encoderBias = Parameter(zeros(options.Features));
        _bias = Parameter(median * _scale);
        _silent = zeros(options.Features, int64).DetachFromDisposeScope();
        _optimizer = optim.Adam([_encoder, _encoderBias, _decoder, _bias], options.LearningRate);
    }

    /// <summary>Trains on the rows of a float matrix [n, d]. The caller disposes the coder.</summary>
    /// <param name="activations">What the coder is to explain. Borrowed.</param>
    /// <param name="options">How.</param>
    /// <param name="card">What the coder is for: places and provenance; sizes and architecture are filled in.</param>
    /// <param name="progress">Told every 50 steps.</param>
    /// <param name="stop">Ends the run with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="OptionsException">An option is out of range, or the activations are all equal.</exception>
    /// <exception cref="ShapeException">The activations are no matrix.</exception>
    public static Coder Train(
        Tensor activations, SmallTrainerOptions options, CoderCard? card = null, IProgress<TrainProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(activations);
        ArgumentNullException.ThrowIfNull(options);
        if (activations.ndim != 2 || activations.shape[0] < 2)
            throw new ShapeException($"Training needs a matrix of at least two vectors [n, d]; [{string.Join(", ", activations.shape)}] was given.");
        options.Validate(activations.shape[1]);
        using var scope = NewDisposeScope();
        var data = activations.detach().to(ScalarType.Float32).contiguous();
        using var trainer = new SmallTrainer(data.narrow(0, 0, Math.Min(InitRows, data.shape[0])), options);
        trainer.Run(data, progress, stop);
        return trainer.Finished(card);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        foreach (var tensor in new[] { _encoder, _encoderBias, _decoder, _bias, _silent }) tensor.Dispose();
    }

    private static Parameter Parameter(Tensor data) => (Parameter)nn.Parameter(data).DetachFromDisposeScope();

    private void Run(Tensor data, IProgress<TrainProgress>? progress, CancellationToken stop)
    {
        using var generator = new Generator((ulong)_options.Seed + 1);
        var count = data.shape[0];
        var batch = Math.Min(_options.Batch, count);
        using var order = new DataOrder(count, generator);
        for (var step = 0; step < _options.Steps; step++)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var x = data.index_select(0, order.Next(batch)) * _scale;
            var rate = Rate(step);
            foreach (var group in _optimizer.ParamGroups) group.LearningRate = _options.LearningRate * rate;
            var report = Step(x, step);
            if ((step + 1) % ReportEvery == 0 || step + 1 == _options.Steps) progress?.Report(report());
        }
    }

    // Linear warm-up, constant, linear to zero over the last fifth.
    private double Rate(int step)
    {
        var rise = _options.WarmUp == 0 ? 1 : Math.Min(1, (step + 1.0) / _options.WarmUp);
        var fall = Math.Min(1, (_options.Steps - step) / (0.2 * _options.Steps));
        return rise * fall;
    }

    private Func<TrainProgress> Step(Tensor x, int step)
    {
        var pre = (x - _bias).matmul(_encoder.t()) + _encoderBias;
        var codes = _options.K > 0 ? Largest(pre, _options.K) : pre.relu();
        var error = x - (codes.matmul(_decoder) + _bias);
        var loss = error.square().mean();
        var dead = _silent.ge(_options.DeadAfter);
        if (_options.K == 0) loss = loss + codes.sum(1).mean() * (_options.L1 / _width * Math.Min(1, (step + 1.0) / Math.Max(1, _options.WarmUp)));
        else if (DeadLoss(pre, error.detach(), dead) is { } deadLoss) loss = loss + deadLoss * _options.DeadLossWeight;
        _optimizer.zero_grad();
        loss.backward();
        using (no_grad())
        {
            // The part of the gradient along each row only fights the unit norm.
            var gradient = _decoder.grad!;
            gradient.sub_((gradient * _decoder).sum(1, keepdim: true) * _decoder);
            _optimizer.step();
            _decoder.div_(_decoder.norm(1, keepdim: true).clamp_min(1e-8));
            _silent.add_(x.shape[0]).masked_fill_(codes.gt(0).any(0), 0);
        }
        return () => new TrainProgress(
            step + 1, _options.Steps,
            error.square().sum().item<float>() / (x - x.mean([0], keepdim: true)).square().sum().item<float>(),
            codes.gt(0).sum().item<long>() / (double)x.shape[0],
            (int)_silent.ge(_options.DeadAfter).sum().item<long>());
    }

    // Dead features alone reconstruct what the living leave over; gradients reach nothing else.
    private Tensor? DeadLoss(Tensor pre, Tensor error, Tensor dead)
    {
        var number = (int)dead.sum().item<long>();
        if (number == 0 || _options.DeadLossWeight == 0) return null;
        var k = (int)Math.Min(number, Math.Max(1, _width / 2));
        var places = dead.nonzero().squeeze(1);
        var guess = Largest(pre.index_select(1, places), k).matmul(_decoder.index_select(0, places));
        var spread = (error - error.mean([0], keepdim: true)).square().sum().clamp_min(1e-12);
        return (guess - error).square().sum() / spread;
    }

    private static Tensor Largest(Tensor pre, int k)
    {
        var (values, places) = pre.topk(k, 1, sorted: false);
        return zeros(pre.shape).scatter(1, places, values.relu());
    }

    // Back to the units of the activations: biases divided by the scale, matrices as they are; codes are then written lengths.
    private Coder Finished(CoderCard? card)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var bias = _bias.detach() / _scale;
        var weights = new CoderWeights
        {
            Encoder = _encoder.detach().clone(),
            EncoderBias = _encoderBias.detach() / _scale,
            Decoder = _decoder.detach().clone(),
            OutputBias = bias,
            InputBias = bias.clone(),
        };
        var full = (card ?? new CoderCard { Architecture = "", Inputs = 0, Features = 0, Outputs = 0 }) with
        {
            Architecture = _options.K > 0 ? "topk" : "standard",
            Inputs = (int)_width,
            Features = _options.Features,
            Outputs = (int)_width,
        };
        return _options.K > 0 ? new TopKCoder(full, weights, _options.K) : new StandardCoder(full, weights);
    }
}
