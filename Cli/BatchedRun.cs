using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>Runs a batch in parts, so that only one part's working memory is needed at a time.</summary>
internal static class BatchedRun
{
    /// <summary>
    /// What the plan kept and what the model returned for the whole batch, by name, places first. Values that are the same for every
    /// example, such as position embeddings, appear once. The tensors belong to the caller's scope.
    /// </summary>
    /// <exception cref="OptionsException">The batch cannot be cut: its inputs differ in length, or an output compares examples with each other.</exception>
    internal static IReadOnlyList<(string Name, Tensor Value)> Values(HookedModel model, ModelInput input, HookPlan plan, int? atOnce)
    {
        var sizes = input.Select(pair => pair.Value.dim() == 0 ? 1 : pair.Value.shape[0]).Distinct().ToList();
        if (atOnce is not { } part || sizes.Max() <= part) return Once(model, input, plan);
        if (sizes.Count > 1) throw new OptionsException($"--batch cuts inputs of one length; these have {string.Join(" and ", sizes)} examples.");
        var parts = new List<IReadOnlyList<(string Name, Tensor Value)>>();
        for (long first = 0; first < sizes[0]; first += part)
        {
            var piece = new ModelInput();
            foreach (var (name, tensor) in input) piece.Add(name, tensor.narrow(0, first, Math.Min(part, sizes[0] - first)));
            parts.Add(Once(model, piece, plan));
            if (parts[^1].FirstOrDefault(value => value.Name.StartsWith("output.logits_per_", StringComparison.Ordinal)).Name is { } compared)
                throw new OptionsException($"--batch: '{compared}' compares every picture with every text, so the batch cannot be cut. Give only one of the inputs, or a larger --batch.");
        }
        return [.. parts[0].Select((value, k) => (value.Name, Joined([.. parts.Select(piece => piece[k].Value)], part)))];
    }

    private static List<(string, Tensor)> Once(HookedModel model, ModelInput input, HookPlan plan)
    {
        using var recording = model.Run(input, plan);
        return [.. recording.Cache.Sites.Select(site => (site.ToString(), recording.Cache[site].alias()))
            .Concat(recording.Outputs.Select(pair => ("output." + pair.Key, pair.Value.alias())))];
    }

    private static Tensor Joined(Tensor[] values, int part) =>
        part > 1 && values[0].dim() > 0 && values[0].shape[0] == 1 ? values[0] : cat(values, 0);
}
