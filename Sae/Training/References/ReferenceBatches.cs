using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The batches of a reference run from its file.</summary>
public static class ReferenceBatches
{
    /// <summary>Reads <c>batch.0</c>, <c>batch.1</c>, … with <c>target.*</c> where there are any, or <c>x</c> [+ <c>y</c>] cut into batches. The caller disposes them.</summary>
    /// <param name="source">The file.</param>
    /// <param name="batchRows">Rows per batch, for cutting.</param>
    /// <param name="steps">How many; all where null.</param>
    /// <exception cref="PrismaException">There are none, or fewer than wanted.</exception>
    public static IReadOnlyList<TrainRows> Read(TensorSource source, int? batchRows, long? steps)
    {
        ArgumentNullException.ThrowIfNull(source);
        var batches = new List<TrainRows>();
        if (source.Contains("batch.0"))
        {
            for (var k = 0; source.TryGet($"batch.{k}", out var inputs) && !(batches.Count >= steps); k++)
                batches.Add(Pair(inputs, source.TryGet($"target.{k}", out var targets) ? targets : null));
        }
        else if (source.TryGet("x", out var x))
        {
            var rows = batchRows ?? throw new OptionsException("The hyper-parameters do not say the batch size, by which x has to be cut.");
            using var all = x.ToTensor();
            using var targets = source.TryGet("y", out var y) ? y.ToTensor() : null;
            for (long start = 0; start + rows <= all.shape[0] && !(batches.Count >= steps); start += rows)
                batches.Add(Cut(all, targets, start, rows));
        }
        else
        {
            throw new CheckpointException($"'{source.Path}' has neither batch.0 nor x. It has {string.Join(", ", source.Names.Take(8))}.");
        }
        if (batches.Count == 0 || batches.Count < steps)
            throw new OptionsException($"'{source.Path}' holds {batches.Count} batches{(steps is { } wanted ? $", {wanted} steps are wanted" : "")}.");
        return batches;
    }

    private static TrainRows Pair(StoredTensor inputs, StoredTensor? targets)
    {
        var x = inputs.ToTensor();
        return new TrainRows(x, targets?.ToTensor() ?? x);
    }

    private static TrainRows Cut(TorchSharp.torch.Tensor all, TorchSharp.torch.Tensor? targets, long start, int rows)
    {
        var x = all.narrow(0, start, rows).clone();
        return new TrainRows(x, targets is null ? x : targets.narrow(0, start, rows).clone());
    }
}
