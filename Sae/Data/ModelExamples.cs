using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The examples of a batch with their model: the plain pass, the gradients of a loss that needs no labels, and passes in which a prediction stands in for a
/// value. Owns input and recordings; borrows the model.
/// </summary>
internal sealed class ModelExamples(HookedModel model, InputBatch batch, IReadOnlyDictionary<string, HookSite> sites) : IDisposable
{
    /// <summary>What is put behind a place's name to name the column of gradients there.</summary>
    internal const string GradientSuffix = ".gradient";

    private readonly Dictionary<string, Recording> _plain = new(StringComparer.Ordinal);

    /// <summary>Gradients by a column's values, [rows, width]; null where the name stands for none. The caller owns them.</summary>
    internal Tensor? Gradients(string column)
    {
        if (!column.EndsWith(GradientSuffix, StringComparison.Ordinal) || !sites.TryGetValue(column[..^GradientSuffix.Length], out var site)) return null;
        using var scope = NewDisposeScope();
        using var recording = model.Run(batch.Input, HookPlan.Empty.WithGradients(site));
        if (!recording.Outputs.TryGetValue("logits", out var logits))
            throw new OptionsException($"{model.Card.Name} has no logits, so it has no loss whose gradients could be taken; it has {string.Join(", ", recording.Outputs.Keys)}.");
        // The surprise at its own most probable answer, added over examples and positions: needs no labels.
        using var gradients = recording.Cache.Gradients(logits.log_softmax(-1).amax(-1).sum().neg());
        return Rows(gradients[site]).clone().MoveToOuterDisposeScope();
    }

    /// <summary>The view of one place.</summary>
    internal PredictionRun? At(string column) => sites.TryGetValue(column, out var site) ? new PredictionRun(this, site) : null;

    /// <summary>A pass under a plan, with gradients from what the plan's edits bring in. The caller disposes it.</summary>
    internal Recording Run(HookPlan plan) => model.Run(batch.Input, plan.WithInputGradients());

    /// <summary>The plain pass with some places kept: computed once per batch. Borrowed.</summary>
    internal Recording Plain(IReadOnlyList<HookSite> kept)
    {
        var key = string.Join(' ', kept);
        if (!_plain.TryGetValue(key, out var recording)) _plain.Add(key, recording = model.Run(batch.Input, HookPlan.Empty.Keep([.. kept])));
        return recording;
    }

    /// <summary>The places behind a place that fit one of the patterns.</summary>
    internal IReadOnlyList<HookSite> Behind(HookSite site, IReadOnlyList<string> globs)
    {
        if (globs.Count == 0) return [];
        var found = model.Find(globs);
        var order = model.Points.ToDictionary(point => point.Site.ToString(), point => point.Order, StringComparer.Ordinal);
        IReadOnlyList<HookSite> behind = [.. found.Where(other => order[other.ToString()] > order[site.ToString()])];
        return behind.Count > 0 ? behind : throw new OptionsException($"'{string.Join(", ", globs)}' fits no place of {model.Card.Name} behind {site}.");
    }

    /// <summary>Values [examples, …, width] as rows.</summary>
    internal static Tensor Rows(Tensor value) => value.reshape(-1, value.shape[^1]);

    public void Dispose()
    {
        foreach (var recording in _plain.Values) recording.Dispose();
        batch.Dispose();
    }
}
