using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// Trains the demo's transformers with Muon (the blocks' matrices) and AdamW (the rest) on examples drawn as it goes. A batch is split into
/// shards that run beside each other, each on one thread with its own graph: on small models that is faster than many threads inside every operator.
/// </summary>
internal sealed class ShardedTrainer : IDisposable
{
    private const double Forgetting = 0.02;

    private readonly TrainingRecipe _options;
    private readonly Func<long, int, (Tensor Loss, double Right)> _loss;
    private readonly Parameter[] _parameters;
    private readonly Muon _muon;
    private readonly optim.Optimizer _adam;

    /// <param name="matrices">The matrices of the blocks.</param>
    /// <param name="others">Everything else that is trained.</param>
    /// <param name="recipe">How.</param>
    /// <param name="loss">The loss, with its graph, and the share of right answers on examples from a number on, so many of them; called from several threads.</param>
    public ShardedTrainer(IEnumerable<Parameter> matrices, IEnumerable<Parameter> others, TrainingRecipe recipe, Func<long, int, (Tensor Loss, double Right)> loss)
    {
        (_options, _loss) = (recipe, loss);
        Parameter[] first = [.. matrices], second = [.. others];
        _parameters = [.. first, .. second];
        _muon = new Muon(first, recipe.WeightDecay);
        _adam = optim.AdamW(second, recipe.LearningRate, 0.9, 0.98, weight_decay: 0);
    }

    /// <summary>All steps of the recipe.</summary>
    public void Run(IProgress<TrainingProgress> progress, CancellationToken stop)
    {
        int threads = get_num_threads();
        set_num_threads(1);
        try
        {
            var clock = Stopwatch.StartNew();
            double loss = double.NaN, accuracy = double.NaN;
            for (int step = 0; step < _options.Steps; step++)
            {
                stop.ThrowIfCancellationRequested();
                (double nowLoss, double nowAccuracy) = Step(step);
                loss = step == 0 ? nowLoss : loss + Forgetting * (nowLoss - loss);
                accuracy = step == 0 ? nowAccuracy : accuracy + Forgetting * (nowAccuracy - accuracy);
                progress.Report(new TrainingProgress(step + 1, _options.Steps, loss, accuracy, clock.Elapsed));
            }
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    public void Dispose()
    {
        _muon.Dispose();
        _adam.Dispose();
    }

    private (double Loss, double Accuracy) Step(int step)
    {
        var shards = new Shard[_options.Shards];
        Parallel.For(0, shards.Length, k => shards[k] = Differentiate((long)step * shards.Length + k));
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        double square = 0;
        for (int i = 0; i < _parameters.Length; i++)
        {
            Tensor sum = shards[0].Gradients[i];
            for (int k = 1; k < shards.Length; k++) sum.add_(shards[k].Gradients[i]);
            square += sum.mul_(1.0 / shards.Length).pow(2).sum().item<float>();
            _parameters[i].grad = sum;
        }
        double cut = _options.GradientNorm / Math.Sqrt(square);
        if (cut < 1)
        {
            foreach (Tensor gradient in shards[0].Gradients) gradient.mul_(cut);
        }
        double rate = Schedule(step);
        foreach (optim.ILearningRateController group in _adam.ParamGroups) group.LearningRate = rate * _options.LearningRate;
        _adam.step();
        _muon.Step(rate * _options.MatrixLearningRate);
        foreach (Parameter parameter in _parameters) parameter.grad = null;
        foreach (Shard shard in shards)
        {
            foreach (Tensor gradient in shard.Gradients) gradient.Dispose();
        }
        return (shards.Average(shard => shard.Loss), shards.Average(shard => shard.Accuracy));
    }

    /// <summary>The gradients of one shard, as tensors that the caller disposes.</summary>
    private Shard Differentiate(long shard)
    {
        int count = _options.BatchSize / _options.Shards;
        using var scope = NewDisposeScope();
        (Tensor loss, double right) = _loss(shard * count, count);
        IList<Tensor> gradients = autograd.grad([loss], [.. _parameters], allow_unused: true);
        for (int i = 0; i < gradients.Count; i++) gradients[i] = (gradients[i] ?? _parameters[i].zeros_like()).DetachFromDisposeScope();
        return new Shard(loss.item<float>(), right, gradients);
    }

    /// <summary>The share of the highest learning rates in a step: a straight rise, then half a cosine down to zero.</summary>
    private double Schedule(int step)
    {
        double warm = Math.Min(1, (step + 1.0) / Math.Max(1, _options.WarmUp));
        return warm * 0.5 * (1 + Math.Cos(Math.PI * step / _options.Steps));
    }

    private sealed record Shard(double Loss, double Accuracy, IList<Tensor> Gradients);
}
