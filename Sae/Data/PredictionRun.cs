using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Runs a model on from a place at which a coder's prediction stands in for the value. Borrowed from its batch.</summary>
public sealed class PredictionRun
{
    private readonly ModelExamples _examples;
    private readonly HookSite _site;

    internal PredictionRun(ModelExamples examples, HookSite site) => (_examples, _site) = (examples, site);

    /// <summary>How far a prediction moves the model's output, and the values at later places; differentiable by the prediction.</summary>
    /// <param name="prediction">[rows, width]: all rows of the batch in their order.</param>
    /// <param name="later">Patterns of later places.</param>
    /// <returns>
    /// KL(plain ‖ with the prediction) of logits (1 − cosine of embeddings, where there are no logits), mean over items; and for each later place the mean
    /// squared change. In the current scope.
    /// </returns>
    /// <exception cref="OptionsException">The model has neither logits nor embeddings, or a pattern fits no later place.</exception>
    public (Tensor Output, IReadOnlyList<Tensor> Later) Run(Tensor prediction, IReadOnlyList<string> later)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(later);
        var places = _examples.Behind(_site, later);
        var plain = _examples.Plain(places);
        var plan = HookPlan.Empty.Edit(_site, (value, _) => prediction.reshape(value.shape).to(value.dtype)).WithGradients([.. places]);
        using var recording = _examples.Run(plan);
        var change = OutputChanges.Of(plain.Outputs) is [var first, ..] ? first.Value : throw new OptionsException(
            $"The model has neither logits nor embeddings to compare; it has {string.Join(", ", plain.Outputs.Keys)}.");
        return (change(plain, recording).mean(), [.. places.Select(place => (recording.Cache[place] - plain.Cache[place]).square().mean())]);
    }
}
