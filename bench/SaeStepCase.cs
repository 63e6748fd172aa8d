using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Bench;

/// <summary>
/// One architecture's training step, done twice from the same weights: sparsely, and as libtorch's autograd over dense matrices does it. Rows are
/// fixed; parameters are the encoder, its bias, the decoder, its bias (subtracted from the input too) and, for JumpReLU, thresholds.
/// </summary>
internal sealed class SaeStepCase : IDisposable
{
    public static readonly string[] Names = ["topk", "topk_auxk", "batchtopk", "jumprelu", "matryoshka"];

    // So small that the number of active features stays what it was during the measurement.
    private const double Rate = 1e-6, Bandwidth = 0.05, CountWeight = 1e-3, AuxWeight = 1.0 / 32;

    private readonly SaeStepOptions _options;
    private readonly string _arch;
    private readonly SparseStep _step;
    private readonly RowAdam[] _adam;
    private readonly Tensor[] _sparse, _started;
    private readonly TorchSharp.Modules.Parameter[] _dense = [];
    private readonly optim.Optimizer? _optimizer;
    private readonly Tensor _x, _products, _dead;
    private readonly long[] _ends;
    private int _steps;

    /// <param name="arch">One of <see cref="Names"/>.</param>
    /// <param name="options">The sizes.</param>
    /// <param name="alone">Only the sparse step will be run: nothing is held for the dense one.</param>
    public SaeStepCase(string arch, SaeStepOptions options, bool alone)
    {
        (_arch, _options, _step) = (arch, options, new SparseStep(options.Exact ? false : null));
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        _x = SpectrumRows(options.Rows, options.Inputs, generator).DetachFromDisposeScope();
        var rows = UnitRows(options.Features, options.Inputs, generator);
        List<Tensor> start = [rows.clone(), zeros(options.Features), rows, _x.mean([0])];
        _dead = arange(0, options.Features, Math.Max(1, options.Features / Math.Max(1, options.Features / 16)), int64).DetachFromDisposeScope();
        _ends = Ends(options.Features);
        if (arch == "jumprelu") start.Add(full(options.Features, StartThreshold(start)));
        _sparse = [.. start.Select(tensor => tensor.DetachFromDisposeScope())];
        _adam = [.. _sparse.Select(tensor => new RowAdam(tensor))];
        _started = alone ? [] : [.. _sparse.Select(tensor => tensor.clone().DetachFromDisposeScope())];
        _products = alone ? zeros(0).DetachFromDisposeScope() : empty(options.Rows, options.Features).DetachFromDisposeScope();
        if (alone) return;
        _dense = [.. _sparse.Select(tensor => (TorchSharp.Modules.Parameter)nn.Parameter(tensor.clone()).DetachFromDisposeScope())];
        _optimizer = optim.Adam(_dense, Rate);
    }

    /// <summary>Mean number of active features in the last sparse step.</summary>
    public double MeanActive { get; private set; }

    /// <summary>The encoder's product alone, into an existing matrix.</summary>
    public void EncoderProduct()
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        _products.addmm_(_x, _sparse[0].t(), beta: 0);
    }

    /// <summary>One sparse step.</summary>
    /// <returns>The loss.</returns>
    public double SparseStep()
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var rule = new RowRule { Rate = Rate, Step = ++_steps };
        return _arch == "jumprelu" ? SparseJumpStep(rule) : SparseSelectiveStep(rule);
    }

    /// <summary>One dense step.</summary>
    /// <returns>The loss.</returns>
    public double DenseStep()
    {
        using var scope = NewDisposeScope();
        foreach (var parameter in _dense) parameter.grad = null;
        var pre = _dense[1].addmm(_x - _dense[3], _dense[0].t());
        var loss = _arch switch
        {
            "jumprelu" => DenseJump(pre),
            "matryoshka" => DenseNested(LargestOfBatch(pre)),
            "batchtopk" => Sse(Decoded(LargestOfBatch(pre)) - _x),
            "topk_auxk" => DenseWithAux(pre),
            _ => Sse(Decoded(Largest(pre, _options.K)) - _x),
        };
        loss.backward();
        _optimizer!.step();
        return loss.item<float>();
    }

    /// <summary>‖difference of the two sides' changes‖ / ‖change‖ over all parameters since the start.</summary>
    public double Disagreement()
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var (apart, moved) = (0.0, 0.0);
        for (var k = 0; k < _sparse.Length; k++)
        {
            apart += (_sparse[k] - _dense[k]).square().sum().item<float>();
            moved += (_dense[k] - _started[k]).square().sum().item<float>();
        }
        return Math.Sqrt(apart / moved);
    }

    public void Dispose()
    {
        _step.Dispose();
        _optimizer?.Dispose();
        foreach (var adam in _adam) adam.Dispose();
        foreach (var tensor in _sparse.Concat(_started).Concat(_dense).Concat([_x, _products, _dead])) tensor.Dispose();
    }

    private double SparseSelectiveStep(RowRule rule)
    {
        var rows = _options.Rows;
        var selection = _arch.StartsWith("topk", StringComparison.Ordinal) ? Select.TopK(_options.K) : Select.BatchTopK(_options.K);
        var forward = _step.Forward(_x - _sparse[3], _sparse[0], _sparse[1], selection);
        var loss = _arch == "matryoshka" ? new SparseLoss([.. _ends.Select(_ => 2.0 / rows)], _ends) : SparseLoss.Sse(rows);
        var error = forward.Error(_sparse[2], _sparse[3], _x, loss);
        var value = loss.Value(error);
        var (encoder, decoder) = (forward.EncoderGradients(error.Codes), forward.DecoderGradients(error.Gradients, loss));
        var encoderBias = forward.EncoderBiasGradients(error.Codes);
        if (_arch == "topk_auxk")
        {
            var goal = error.Gradients[0] * (-rows / 2.0);
            var factor = 2 * AuxWeight / Spread(goal).item<float>();
            var aux = SparseDead.Of(forward, _sparse[2], _dead, _options.Inputs / 2, goal, factor);
            value += factor / 2 * aux.Squares;
            (encoder, decoder, encoderBias) = (encoder.Plus(aux.Encoder), decoder.Plus(aux.Decoder), encoderBias + aux.EncoderBias);
        }
        var bias = error.Gradients[0].sum([0L]) + forward.InputBiasGradients(encoderBias);
        Move(encoder, encoderBias, decoder, bias, rule);
        MeanActive = forward.Codes.Count / (double)rows;
        return value;
    }

    private double SparseJumpStep(RowRule rule)
    {
        var jump = SparseJump.Run(_step, _x - _sparse[3], _sparse[0], _sparse[1], _sparse[4], Bandwidth);
        var loss = SparseLoss.Sse(_options.Rows);
        var error = jump.Forward.Error(_sparse[2], _sparse[3], _x, loss);
        var felt = jump.PreActivationGradients(error.Codes);
        var encoderBias = jump.Forward.EncoderBiasGradients(felt);
        var bias = error.Gradients[0].sum([0L]) + jump.Forward.InputBiasGradients(encoderBias);
        _adam[4].Step(jump.ThresholdGradients(error.Codes, CountWeight / _options.Rows), rule);
        Move(jump.Forward.EncoderGradients(felt), encoderBias, jump.Forward.DecoderGradients(error.Gradients), bias, rule);
        MeanActive = jump.Open.sum().item<float>() / _options.Rows;
        return loss.Value(error) + CountWeight * MeanActive;
    }

    // All gradients are found before anything moves, except that none depends on the thresholds once they are read.
    private void Move(RowGradients encoder, Tensor encoderBias, RowGradients decoder, Tensor bias, RowRule rule)
    {
        _adam[0].Step(encoder, rule);
        _adam[1].Step(encoderBias, rule);
        _adam[2].Step(decoder, rule);
        _adam[3].Step(bias, rule);
    }

    private Tensor Decoded(Tensor codes) => _dense[3].addmm(codes, _dense[2]);

    private Tensor Sse(Tensor error) => error.square().sum() / _options.Rows;

    private Tensor DenseWithAux(Tensor pre)
    {
        var error = _x - Decoded(Largest(pre, _options.K));
        var goal = error.detach();
        var mask = ones(_options.Features, ScalarType.Bool);
        mask.index_put_(tensor(new[] { false }), TensorIndex.Tensor(_dead));
        var k = (int)Math.Min(_options.Inputs / 2, _dead.shape[0]);
        var guess = Largest(pre.masked_fill(mask, double.NegativeInfinity), k).matmul(_dense[2]);
        return Sse(error) + (guess - goal).square().sum() * (AuxWeight / Spread(goal).item<float>());
    }

    private Tensor DenseNested(Tensor codes)
    {
        Tensor? loss = null;
        var decoded = _dense[3].expand(_options.Rows, _options.Inputs);
        for (var (g, start) = (0, 0L); g < _ends.Length; start = _ends[g++])
        {
            decoded = decoded + codes.narrow(1, start, _ends[g] - start).matmul(_dense[2].narrow(0, start, _ends[g] - start));
            loss = loss is null ? Sse(decoded - _x) : loss + Sse(decoded - _x);
        }
        return loss!;
    }

    private Tensor DenseJump(Tensor pre)
    {
        var z = pre.detach();
        var threshold = _dense[4];
        var open = z.gt(threshold.detach()).to(float32);
        var place = (z - threshold.detach()) / Bandwidth;
        var felt = place.abs().lt(0.5).to(float32) * (-1 / Bandwidth);
        var zero = threshold - threshold.detach();
        var codes = pre * open + zero * (felt * threshold.detach());
        return Sse(Decoded(codes) - _x) + (open + zero * felt).sum() * (CountWeight / _options.Rows);
    }

    private static Tensor Largest(Tensor pre, int k)
    {
        var (values, places) = pre.topk(k, 1, sorted: false);
        return pre.detach().zeros_like().scatter(1, places, values.relu());
    }

    private Tensor LargestOfBatch(Tensor pre)
    {
        var flat = pre.flatten();
        var (values, places) = flat.topk(_options.K * _options.Rows, 0, sorted: false);
        return flat.detach().zeros_like().scatter(0, places, values.relu()).view(pre.shape);
    }

    // The threshold by which as many features are active as BatchTopK would keep.
    private double StartThreshold(List<Tensor> start)
    {
        var forward = _step.Forward(_x - start[3], start[0], start[1], Select.BatchTopK(_options.K));
        return forward.Codes.Values.min().item<float>();
    }

    private static Tensor Spread(Tensor goal) => (goal - goal.mean([0], keepdim: true)).square().sum();

    private static long[] Ends(int features) =>
        [.. new[] { features / 32, features * 3 / 32, features * 7 / 32, features * 15 / 32, features }.Select(end => (long)end).Where(end => end > 0).Distinct()];

    private static Tensor UnitRows(int rows, int width, Generator generator)
    {
        using var scope = NewDisposeScope();
        return nn.functional.normalize(randn(rows, width, generator: generator)).MoveToOuterDisposeScope();
    }

    // Variances that fall as those of a model's activations do, along random directions, around a mean.
    private static Tensor SpectrumRows(int rows, int width, Generator generator)
    {
        using var scope = NewDisposeScope();
        var scales = arange(1, width + 1, float32).pow(-0.5).unsqueeze(0);
        var turned = (randn(rows, width, generator: generator) * scales).matmul(randn(width, width, generator: generator));
        return (turned / turned.std() + randn(width, generator: generator) * 0.3).MoveToOuterDisposeScope();
    }
}
