using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// Trains a <see cref="TrainableVit"/> with Muon (the blocks' matrices) and AdamW (the rest) on scenes drawn as it goes. A batch is split into shards that run beside each other,
/// each on one thread with its own graph: on small models that is faster than many threads inside every operator.
/// </summary>
internal sealed class VitTrainer : IDisposable
{
    private const double Forgetting = 0.02;

    private readonly DemoVitOptions _options;
    private readonly TrainableVit _vit;
    private readonly Parameter[] _parameters;
    private readonly Muon _muon;
    private readonly optim.Optimizer _adam;

    public VitTrainer(TrainableVit vit)
    {
        (_vit, _options) = (vit, vit.Options);
        DemoVitOptions options = vit.Options;
        Parameter[] matrices = [.. vit.BlockMatrices], others = [.. vit.Trained.Except(matrices)];
        _parameters = [.. matrices, .. others];
        _muon = new Muon(matrices, options.WeightDecay);
        _adam = optim.AdamW(others, options.LearningRate, 0.9, 0.98, weight_decay: 0);
    }

    /// <summary>All steps of the options.</summary>
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
        SceneBatch batch = SceneBatch.Draw(SceneSplit.Training, shard * count, count);
        using var scope = NewDisposeScope();
        (Tensor classes, Tensor patches) = _vit.Forward(tensor(batch.Pixels, [count, 3, Scene.Width, Scene.Width]));
        Tensor labels = tensor(batch.Labels), loss = functional.cross_entropy(classes, tensor(Answers(batch), classes.shape));
        double right = classes.argmax(1).eq(labels).to(float32).mean().item<float>();
        if (_options.PatchTask > 0) loss = loss.add(PatchTask.Loss(patches, PatchTask.Answers(batch, _options.Patch)), _options.PatchTask);
        IList<Tensor> gradients = autograd.grad([loss], [.. _parameters], allow_unused: true);
        for (int i = 0; i < gradients.Count; i++) gradients[i] = (gradients[i] ?? _parameters[i].zeros_like()).DetachFromDisposeScope();
        return new Shard(loss.item<float>(), right, gradients);
    }

    /// <summary>The probabilities to learn, [scenes, classes].</summary>
    private float[] Answers(SceneBatch batch)
    {
        int classes = Enum.GetValues<ShapeKind>().Length;
        var answers = new float[batch.Scenes.Count * classes];
        for (int scene = 0; scene < batch.Scenes.Count; scene++)
        {
            Scene drawn = batch.Scenes[scene];
            float part = (float)(_options.OthersShare / (drawn.Objects.Count - 1));
            foreach (SceneObject item in drawn.Objects)
                answers[scene * classes + (int)item.Shape] += item.Marked ? (float)(1 - _options.OthersShare) : part;
        }
        return answers;
    }

    /// <summary>The share of the highest learning rates in a step: a straight rise, then half a cosine down to zero.</summary>
    private double Schedule(int step)
    {
        double warm = Math.Min(1, (step + 1.0) / Math.Max(1, _options.WarmUp));
        return warm * 0.5 * (1 + Math.Cos(Math.PI * step / _options.Steps));
    }

    private sealed record Shard(double Loss, double Accuracy, IList<Tensor> Gradients);
}
