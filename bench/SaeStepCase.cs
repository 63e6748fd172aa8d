using Prisma.Core;
using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Bench;

/// <summary>
/// One architecture's training step, done twice from the same weights: by the trainer, and as libtorch's autograd over dense matrices does it. Rows are
/// fixed; parameters are the encoder, its bias, the decoder, its bias (subtracted from the input too) and, for JumpReLU, thresholds.
/// </summary>
internal sealed class SaeStepCase : IDisposable
{
    public static readonly string[] Names = ["topk", "topk_auxk", "batchtopk", "jumprelu", "matryoshka"];

    // So small that the number of active features stays what it was during the measurement.
    private const double Rate = 1e-6, Bandwidth = 0.05, CountWeight = 1e-3, AuxWeight = 1.0 / 32;

    private static readonly AuxOptions s_noAux = new() { Weight = 0 };

    private readonly SaeStepOptions _options;
    private readonly string _arch;
    private readonly CoderTraining _training;
    private readonly IReadOnlyList<Tensor> _started;
    private readonly TorchSharp.Modules.Parameter[] _dense = [];
    private readonly optim.Optimizer? _optimizer;
    private readonly Tensor _x, _products, _dead;
    private readonly long[] _ends;

    /// <param name="arch">One of <see cref="Names"/>.</param>
    /// <param name="options">The sizes.</param>
    /// <param name="alone">Only the sparse step will be run: nothing is held for the dense one.</param>
    public SaeStepCase(string arch, SaeStepOptions options, bool alone)
    {
        (_arch, _options) = (arch, options);
        using var scope = NewDisposeScope();
        using var still = no_grad();
        using var generator = new Generator(1);
        _x = SpectrumRows(options.Rows, options.Inputs, generator).DetachFromDisposeScope();
        _dead = arange(0, options.Features, Math.Max(1, options.Features / Math.Max(1, options.Features / 16)), int64).DetachFromDisposeScope();
        _ends = Ends(options.Features);
        _training = new CoderTraining(Settings(), new CoderShape(options.Inputs, options.Features), long.MaxValue, seed: 1, GradientPath.Sparse, options.Exact ? false : null);
        Parameters[3].copy_(_x.mean([0]));
        if (arch == "jumprelu") Parameters[4].fill_(StartThreshold());
        var dead = zeros(options.Features);
        if (arch == "topk_auxk") dead.scatter_(0, _dead, ones(_dead.shape[0]));
        _training.Dead.Fix(dead);
        _started = alone ? [] : [.. Parameters.Select(tensor => tensor.clone().DetachFromDisposeScope())];
        _products = alone ? zeros(0).DetachFromDisposeScope() : empty(options.Rows, options.Features).DetachFromDisposeScope();
        if (alone) return;
        _dense = [.. Parameters.Select(tensor => (TorchSharp.Modules.Parameter)nn.Parameter(tensor.clone()).DetachFromDisposeScope())];
        _optimizer = optim.Adam(_dense, Rate);
    }

    // encoder, its bias, decoder, its bias, thresholds
    private IReadOnlyList<Tensor> Parameters => [.. _training.Coder.Parameters.Values];

    /// <summary>Mean number of active features in the last sparse step.</summary>
    public double MeanActive { get; private set; }

    /// <summary>The encoder's product alone, into an existing matrix.</summary>
    public void EncoderProduct()
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        _products.addmm_(_x, _training.Coder.Encoder.t(), beta: 0);
    }

    /// <summary>One step of the trainer.</summary>
    /// <returns>The loss.</returns>
    public double SparseStep()
    {
        var before = _training.Dead.Fired.sum().item<long>();
        var report = _training.Step([new TrainRows(_x, _x)]);
        MeanActive = (_training.Dead.Fired.sum().item<long>() - before) / (double)_options.Rows;
        return report.Gradients == GradientPath.Sparse ? report.Total : throw new PrismaException($"The trainer took dense gradients for {_arch}: there is nothing to measure.");
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
        var sparse = Parameters;
        for (var k = 0; k < sparse.Count; k++)
        {
            apart += (sparse[k] - _dense[k]).square().sum().item<float>();
            moved += (_dense[k] - _started[k]).square().sum().item<float>();
        }
        return Math.Sqrt(apart / moved);
    }

    public void Dispose()
    {
        _training.Dispose();
        _optimizer?.Dispose();
        foreach (var tensor in _started.Concat(_dense).Concat([_x, _products, _dead])) tensor.Dispose();
    }

    private CoderSettings Settings() => new()
    {
        Architecture = _arch == "topk_auxk" ? "topk" : _arch,
        Options = _arch switch
        {
            "jumprelu" => new JumpReluOptions { InputBias = BiasUse.Tied, L0 = CountWeight, Bandwidth = Bandwidth, LogThreshold = false },
            "matryoshka" => new MatryoshkaOptions { K = _options.K, Widths = [.. _ends.Select(end => (int)end)], Aux = s_noAux },
            "batchtopk" => new SelectiveOptions { K = _options.K, Aux = s_noAux },
            _ => new TopKOptions { K = _options.K, Aux = _arch == "topk_auxk" ? new AuxOptions { Weight = AuxWeight } : s_noAux },
        },
        Optimizer = new OptimizerOptions { LearningRate = Rate },
        Update = ["loss", "step"],
    };

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
    private double StartThreshold()
    {
        var products = (_x - Parameters[3]).matmul(Parameters[0].t());
        return SparseKernels.BatchTopK(products, null, (long)_options.K * _options.Rows).Values.min().item<float>();
    }

    private static Tensor Spread(Tensor goal) => (goal - goal.mean([0], keepdim: true)).square().sum();

    private static long[] Ends(int features) =>
        [.. new[] { features / 32, features * 3 / 32, features * 7 / 32, features * 15 / 32, features }.Select(end => (long)end).Where(end => end > 0).Distinct()];

    // Variances that fall as those of a model's activations do, along random directions, around a mean.
    private static Tensor SpectrumRows(int rows, int width, Generator generator)
    {
        using var scope = NewDisposeScope();
        var scales = arange(1, width + 1, float32).pow(-0.5).unsqueeze(0);
        var turned = (randn(rows, width, generator: generator) * scales).matmul(randn(width, width, generator: generator));
        return (turned / turned.std() + randn(width, generator: generator) * 0.3).MoveToOuterDisposeScope();
    }
}
