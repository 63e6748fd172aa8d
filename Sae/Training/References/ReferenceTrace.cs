using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Trains from another library's start on given batches and writes what can be laid beside its own run: losses, raw gradients, parameters after
/// one step and at the end, under its names.
/// </summary>
public static class ReferenceTrace
{
    /// <summary>Runs it.</summary>
    /// <param name="reference">Settings and names.</param>
    /// <param name="start">Holds <c>init.*</c> and perhaps <c>init_state.*</c> and <c>dead_mask</c>.</param>
    /// <param name="batches">One per step.</param>
    /// <param name="totalSteps">Steps of the whole run, by which schedules are stretched.</param>
    /// <returns>The tensors by name; the caller disposes them.</returns>
    /// <exception cref="PrismaException">The start lacks a tensor, or shapes do not fit.</exception>
    public static IReadOnlyDictionary<string, Tensor> Run(ReferenceSettings reference, TensorSource start, IReadOnlyList<TrainRows> batches, long totalSteps)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(batches);
        if (batches.Count == 0) throw new OptionsException("There is no batch to train on.");
        using var scope = NewDisposeScope();
        var (names, trace) = (reference.Names, new Dictionary<string, Tensor>(StringComparer.Ordinal));
        using var training = new CoderTraining(reference.Settings, ShapeOf(names, start, batches[0]), totalSteps, seed: 0);
        Load(training, names, start);
        var trajectory = new List<double>();
        for (var k = 0; k < batches.Count; k++)
        {
            var report = training.Step([batches[k]], k == 0 ? gradients => Note(trace, "grad", names, training, name => gradients.GetValueOrDefault(name)) : null);
            trajectory.Add(report.Total);
            if (k == 0)
            {
                foreach (var (name, value) in ReferenceLosses.Of(names, report)) trace[$"loss.step0.{name}"] = tensor((float)value);
                Note(trace, "after1", names, training, name => training.Coder.Parameters[name]);
                NoteState(trace, "after1", names, training, start);
            }
        }
        Note(trace, $"after{batches.Count}", names, training, name => training.Coder.Parameters[name]);
        NoteState(trace, $"after{batches.Count}", names, training, start);
        trace["loss.trajectory"] = tensor(trajectory.Select(value => (float)value).ToArray());
        trace["state.lr"] = tensor((float)training.LearningRate);
        foreach (var (theirs, ours) in names.State)
            if (!start.Contains($"init.{theirs}")) trace[$"state.{theirs}"] = StateOf(training, ours);
        foreach (var tensor in trace.Values) tensor.DetachFromDisposeScope();
        return trace;
    }

    private static CoderShape ShapeOf(ReferenceNames names, TensorSource start, TrainRows first)
    {
        var (name, ours) = names.Parameters.First(pair => pair.Value is "encoder" or "encoder.T");
        var shape = start.Get($"init.{name}").Shape;
        var features = ours == "encoder" ? shape[0] : shape[1];
        return new CoderShape([(int)first.Inputs.shape[1]], (int)features, [(int)first.Targets.shape[1]]);
    }

    private static void Load(CoderTraining training, ReferenceNames names, TensorSource start)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (theirs, ours) in names.Parameters)
        {
            if (!training.Coder.Parameters.TryGetValue(Plain(ours), out var parameter)) continue;
            var value = start.Get($"init.{theirs}").ToTensor().to(ScalarType.Float32);
            var laid = ours.EndsWith(".T", StringComparison.Ordinal) ? value.t() : value;
            if (!laid.shape.AsSpan().SequenceEqual(parameter.shape))
                throw new ShapeException($"init.{theirs} is [{string.Join(", ", value.shape)}], which does not fit the {training.Settings.Architecture} coder's {ours} [{string.Join(", ", parameter.shape)}].");
            parameter.copy_(laid);
        }
        foreach (var (theirs, ours) in names.State)
        {
            if (!start.TryGet($"init_state.{theirs}", out var stored) && !start.TryGet($"init.{theirs}", out stored)) continue;
            var target = ours switch
            {
                "silent" => training.Dead.Silent,
                "fired" => training.Dead.Fired,
                _ => training.Coder.State[ours],
            };
            target.copy_(stored.ToTensor().reshape(target.shape));
        }
        if (start.TryGet("dead_mask", out var mask)) training.Dead.Fix(mask.ToTensor());
    }

    private static void Note(Dictionary<string, Tensor> trace, string prefix, ReferenceNames names, CoderTraining training, Func<string, Tensor?> value)
    {
        foreach (var (theirs, ours) in names.Parameters)
        {
            if (!training.Coder.Parameters.TryGetValue(Plain(ours), out var parameter)) continue;
            using var scope = NewDisposeScope();
            var own = value(Plain(ours))?.detach() ?? parameter.zeros_like().detach();
            trace[$"{prefix}.{theirs}"] = (ours.EndsWith(".T", StringComparison.Ordinal) ? own.t() : own).clone().contiguous().DetachFromDisposeScope();
        }
    }

    // What stands under init.* in the start stands under after*.* in the trace; counters kept elsewhere are written once, at the end.
    private static void NoteState(Dictionary<string, Tensor> trace, string prefix, ReferenceNames names, CoderTraining training, TensorSource start)
    {
        foreach (var (theirs, ours) in names.State.Where(pair => start.Contains($"init.{pair.Key}"))) trace[$"{prefix}.{theirs}"] = StateOf(training, ours);
        foreach (var theirs in names.Constants.Where(name => start.Contains($"init.{name}"))) trace[$"{prefix}.{theirs}"] = start.Get($"init.{theirs}").ToTensor();
    }

    private static Tensor StateOf(CoderTraining training, string ours) => ours switch
    {
        "silent" => training.Dead.Silent.clone(),
        "fired" => training.Dead.Fired.to(ScalarType.Float32),
        _ => training.Coder.State[ours].clone(),
    };

    private static string Plain(string ours) => ours.EndsWith(".T", StringComparison.Ordinal) ? ours[..^2] : ours;
}
