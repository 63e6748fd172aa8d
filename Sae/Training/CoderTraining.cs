using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One coder with all that its training needs: makes single steps, in the order that its settings give, and can hand over everything that a
/// later run needs to go on. Owns the coder.
/// </summary>
public sealed class CoderTraining : IDisposable
{
    private readonly IReadOnlyList<UpdatePart> _order;
    private readonly CoderOptimizer _optimizer;
    private readonly double _rate;
    private readonly long _seed;

    /// <summary>Random weights, nothing learned.</summary>
    /// <exception cref="OptionsException">The settings do not work.</exception>
    public CoderTraining(CoderSettings settings, CoderShape shape, long totalSteps, long seed, ArchitectureCatalog? catalog = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(shape);
        (Settings, TotalSteps, _seed) = (settings, totalSteps, seed);
        Coder = (catalog ?? ArchitectureCatalog.Default).Create(settings, shape, seed);
        Dead = new DeadFeatures(settings.Dead, shape.Features);
        _optimizer = new CoderOptimizer(settings.Optimizer, Coder.Parameters);
        _order = UpdatePart.Parse(settings.Update);
        _rate = settings.Optimizer.Rate(shape.Features);
    }

    /// <summary>How it is trained.</summary>
    public CoderSettings Settings { get; }

    /// <summary>Steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>The coder in training. Borrowed.</summary>
    public TrainableCoder Coder { get; }

    /// <summary>Which features are dead. Borrowed.</summary>
    public DeadFeatures Dead { get; }

    /// <summary>Steps made so far.</summary>
    public long Steps => _optimizer.Steps;

    /// <summary>The step size of the next step.</summary>
    public double LearningRate => Settings.Schedule.Rate(Steps, TotalSteps, _rate);

    /// <summary>Sets what depends on data; called once, before the first step.</summary>
    public void Begin(TrainRows first) => Coder.Begin(first);

    /// <summary>One step over one batch, or over several parts of one whose gradients are added.</summary>
    /// <param name="parts">The rows; all parts count alike.</param>
    /// <param name="watch">Shown the raw gradients of the first part, for comparisons; null otherwise.</param>
    /// <returns>The losses, mean over the parts.</returns>
    public StepReport Step(IReadOnlyList<TrainRows> parts, Action<IReadOnlyDictionary<string, Tensor>>? watch = null)
    {
        ArgumentNullException.ThrowIfNull(parts);
        using var scope = NewDisposeScope();
        var step = new StepInfo
        {
            Step = Settings.FirstStep + Steps,
            TotalSteps = TotalSteps,
            Sparsity = Settings.Schedule.Sparsity(Settings.FirstStep + Steps),
            KFactor = Settings.Schedule.K(Steps),
            Dead = Dead,
            Seed = Seeds.Mixed(_seed, Steps + 1),
        };
        var rate = LearningRate;
        Dead.Begin();
        IReadOnlyDictionary<string, Tensor> gradients = new Dictionary<string, Tensor>();
        StepReport? report = null;
        foreach (var part in _order)
        {
            switch (part.Kind)
            {
                case UpdateKind.Loss:
                    (gradients, report) = Gradients(parts, step, watch);
                    break;
                case UpdateKind.Step:
                    _optimizer.Step(gradients, rate);
                    break;
                default:
                    Change(part, gradients);
                    break;
            }
        }
        using (no_grad()) Coder.AfterStep(parts[^1], step, _optimizer);
        return report! with { LearningRate = rate };
    }

    /// <summary>Everything that a later run needs to go on, by name. Borrowed.</summary>
    public IEnumerable<(string Name, Tensor Value)> Snapshot() =>
        Coder.Parameters.Select(entry => ($"parameter.{entry.Key}", (Tensor)entry.Value))
            .Concat(Coder.State.Select(entry => ($"state.{entry.Key}", entry.Value)))
            .Concat(_optimizer.Memory.Select(entry => ($"optimizer.{entry.Name}", entry.Value)))
            .Append(("silent", Dead.Silent)).Append(("fired", Dead.Fired));

    /// <summary>Takes up a snapshot.</summary>
    /// <param name="steps">Steps that had been made.</param>
    /// <param name="mseScale">The factor of the scaled loss.</param>
    /// <param name="stored">The tensors, by the names of <see cref="Snapshot"/>.</param>
    /// <exception cref="CheckpointException">One is missing or has another shape.</exception>
    public void Restore(long steps, double mseScale, TensorSource stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        using var frozen = no_grad();
        foreach (var (name, target) in Snapshot()) stored.Get(name).ReadInto(target);
        _optimizer.Steps = steps;
        Coder.ResumeScale(mseScale);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Coder.Dispose();
        Dead.Dispose();
        _optimizer.Dispose();
    }

    private (IReadOnlyDictionary<string, Tensor> Gradients, StepReport Report) Gradients(
        IReadOnlyList<TrainRows> parts, StepInfo step, Action<IReadOnlyDictionary<string, Tensor>>? watch)
    {
        var names = Coder.Parameters.Keys.ToList();
        List<Tensor> leaves = [.. Coder.Parameters.Values];
        var sums = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var losses = new Dictionary<string, (double Value, double Weight)>(StringComparer.Ordinal);
        for (var k = 0; k < parts.Count; k++)
        {
            using var scope = NewDisposeScope();
            var terms = Coder.Loss(parts[k], step);
            Tensor? total = null;
            foreach (var term in terms.Where(term => term.Weight != 0))
            {
                var weighted = term.Weight == 1 ? term.Value : term.Value * term.Weight;
                total = total is null ? weighted : total + weighted;
            }
            var found = autograd.grad([total!], leaves, allow_unused: true);
            for (var p = 0; p < names.Count; p++)
            {
                if (found[p] is null) continue;
                var share = parts.Count == 1 ? found[p] : found[p] / parts.Count;
                sums[names[p]] = (sums.TryGetValue(names[p], out var sum) ? sum + share : share).MoveToOuterDisposeScope();
            }
            foreach (var term in terms)
                losses[term.Name] = (losses.GetValueOrDefault(term.Name).Value + term.Value.to(float64).item<double>() / parts.Count, term.Weight);
            if (k == 0) watch?.Invoke(sums);
        }
        return (sums, new StepReport(step.Step, losses));
    }

    private void Change(UpdatePart part, IReadOnlyDictionary<string, Tensor> gradients)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        switch (part.Kind)
        {
            case UpdateKind.Project:
                var gradient = gradients["decoder"];
                var unit = Coder.Decoder / (Coder.Decoder.norm(1, keepdim: true) + part.Number);
                gradient.sub_((gradient * unit).sum(1, keepdim: true) * unit);
                break;
            case UpdateKind.Clip:
                var squares = gradients.Values.Sum(each => Math.Pow(each.norm().item<float>(), 2));
                var share = part.Number / (Math.Sqrt(squares) + 1e-6);
                if (share < 1)
                    foreach (var each in gradients.Values) each.mul_(share);
                break;
            case UpdateKind.UnitDecoder:
                Coder.Decoder.div_(Coder.Decoder.norm(1, keepdim: true) + part.Number);
                break;
            case UpdateKind.FoldDecoder:
                var lengths = Coder.Decoder.norm(1, keepdim: true) + part.Number;
                Coder.Decoder.div_(lengths);
                Coder.Encoder.mul_(lengths);
                Coder.EncoderBias.mul_(lengths.squeeze(1));
                break;
        }
    }
}
