using Prisma.Core;
using TorchSharp;
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
    private readonly SparseStep? _sparse;
    private readonly double _rate;
    private readonly long _seed;

    /// <summary>Random weights, nothing learned.</summary>
    /// <exception cref="OptionsException">The settings do not work.</exception>
    public CoderTraining(CoderSettings settings, CoderShape shape, long totalSteps, long seed, ArchitectureCatalog? catalog = null)
        : this(settings, shape, totalSteps, seed, GradientPath.Sparse, screens: null, catalog)
    {
    }

    /// <summary>The same with dense gradients even where sparse ones can be had, or without approximate products where they are faster: for comparisons.</summary>
    internal CoderTraining(
        CoderSettings settings, CoderShape shape, long totalSteps, long seed, GradientPath path, bool? screens = null, ArchitectureCatalog? catalog = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(shape);
        (Settings, TotalSteps, _seed) = (settings, totalSteps, seed);
        Coder = (catalog ?? ArchitectureCatalog.Default).Create(settings, shape, seed);
        Dead = new DeadFeatures(settings.Dead, Coder.Shape.Features);
        _optimizer = new CoderOptimizer(settings.Optimizer, Coder.Parameters);
        _order = UpdatePart.Parse(settings.Update);
        if (Coder.FormsDecoder && _order.FirstOrDefault(part => part.Kind is UpdateKind.Project or UpdateKind.UnitDecoder or UpdateKind.FoldDecoder) is { Kind: not UpdateKind.Loss } refused)
        {
            Dispose();
            throw new OptionsException($"update: '{refused.Kind}' cannot be used with {settings.Architecture}, which forms its decoder's rows itself.");
        }
        _rate = settings.Optimizer.Rate(shape.Features);
        if (path == GradientPath.Sparse && Coder.LossOverEntries is not null && Coder.Encoder is { dtype: ScalarType.Float32, device_type: DeviceType.CPU })
            _sparse = new SparseStep(screens);
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
        IReadOnlyDictionary<string, CoderGradient> gradients = new Dictionary<string, CoderGradient>();
        StepReport? report = null;
        for (var k = 0; k < _order.Count; k++)
        {
            switch (_order[k].Kind)
            {
                case UpdateKind.Loss:
                    (gradients, report) = Gradients(parts, step, scope, watch);
                    break;
                case UpdateKind.Step:
                    // Unit rows right after the step are made in the same pass.
                    var unit = k + 1 < _order.Count && _order[k + 1].Kind == UpdateKind.UnitDecoder ? _order[k + 1].Number : (double?)null;
                    if (_optimizer.Step(gradients, rate, unit is { } number ? ("decoder", number) : null)) k++;
                    break;
                default:
                    Change(_order[k], gradients);
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
        _sparse?.Dispose();
    }

    private (IReadOnlyDictionary<string, CoderGradient> Gradients, StepReport Report) Gradients(
        IReadOnlyList<TrainRows> parts, StepInfo step, DisposeScope whole, Action<IReadOnlyDictionary<string, Tensor>>? watch)
    {
        var sums = new Dictionary<string, CoderGradient>(StringComparer.Ordinal);
        var losses = new Dictionary<string, (double Value, double Weight)>(StringComparer.Ordinal);
        var path = GradientPath.Sparse;
        for (var k = 0; k < parts.Count; k++)
        {
            using var scope = NewDisposeScope();
            // A batch may be one that the entries alone do not describe.
            var sparse = _sparse is null ? null : Coder.LossOverEntries!(_sparse, parts[k], step);
            if (sparse is null) path = GradientPath.Dense;
            var terms = sparse?.Terms ?? Coder.Loss(parts[k], step);
            var total = Total(terms, parts.Count);
            foreach (var (name, gradient) in sparse?.Graph.Gradients(total) ?? Dense(total))
            {
                // Sums of one kind only: of rows with a tensor, the rows become one.
                sums[name] = (sums.TryGetValue(name, out var sum) ? sum.Plus(gradient, Coder.Parameters[name]) : gradient).MoveTo(whole);
            }
            foreach (var term in terms)
                losses[term.Name] = (losses.GetValueOrDefault(term.Name).Value + term.Value.to(float64).item<double>() / parts.Count, term.Weight);
            if (k == 0) watch?.Invoke(sums.ToDictionary(entry => entry.Key, entry => entry.Value.ToDense(Coder.Parameters[entry.Key]), StringComparer.Ordinal));
        }
        return (sums, new StepReport(step.Step, losses) { Gradients = path });
    }

    // The mean over the parts of what is minimised.
    private static Tensor Total(IReadOnlyList<LossTerm> terms, int parts)
    {
        Tensor? total = null;
        foreach (var term in terms.Where(term => term.Weight != 0))
        {
            var weighted = term.Weight == 1 ? term.Value : term.Value * term.Weight;
            total = total is null ? weighted : total + weighted;
        }
        return parts == 1 ? total! : total! / parts;
    }

    private Dictionary<string, CoderGradient> Dense(Tensor total)
    {
        var names = Coder.Parameters.Keys.ToList();
        var found = autograd.grad([total], [.. Coder.Parameters.Values], allow_unused: true);
        return names.Zip(found).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First, pair => new CoderGradient(pair.Second), StringComparer.Ordinal);
    }

    private void Change(UpdatePart part, IReadOnlyDictionary<string, CoderGradient> gradients)
    {
        using var frozen = no_grad();
        switch (part.Kind)
        {
            case UpdateKind.Project:
                gradients["decoder"].Project(Coder.Decoder, part.Number);
                break;
            case UpdateKind.Clip:
                var share = part.Number / (Math.Sqrt(gradients.Sum(entry => entry.Value.Squares(Coder.Parameters[entry.Key]))) + 1e-6);
                if (share < 1)
                    foreach (var each in gradients.Values) each.Shrink(share);
                break;
            default:
                Rescale(part, gradients);
                break;
        }
    }

    // Gradients are those of the rows as they were.
    private void Rescale(UpdatePart part, IReadOnlyDictionary<string, CoderGradient> gradients)
    {
        if (gradients.TryGetValue("decoder", out var gradient)) gradient.Settle(Coder.Decoder);
        using var scope = NewDisposeScope();
        var lengths = Coder.Decoder.norm(1, keepdim: true) + part.Number;
        Coder.Decoder.div_(lengths);
        if (part.Kind == UpdateKind.UnitDecoder) return;
        Coder.Encoder.mul_(lengths);
        Coder.EncoderBias.mul_(lengths.squeeze(1));
    }
}
