using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Means of values over data, position by position, summed in double precision.</summary>
internal static class DataMeans
{
    /// <summary>For each place its mean, [1, …]. The tensors belong to the scope that is open.</summary>
    internal static IReadOnlyDictionary<HookSite, Tensor> Of(HookedModel model, IEnumerable<ModelInput> data, IReadOnlyList<HookSite> sites)
    {
        var sums = new Dictionary<HookSite, Tensor>();
        long examples = 0;
        foreach (var batch in data)
        {
            using var scope = NewDisposeScope();
            using var recording = model.Run(batch, HookPlan.Empty.Keep([.. sites]));
            foreach (var site in sites)
            {
                var sum = recording.Cache[site].to(float64).sum([0L], keepdim: true);
                if (sums.TryGetValue(site, out var before)) before.add_(sum);
                else sums[site] = sum.MoveToOuterDisposeScope();
            }
            examples += recording.Cache[sites[0]].shape[0];
        }
        if (examples == 0) throw new OptionsException("There are no examples to take a mean over.");
        return sums.ToDictionary(pair => pair.Key, pair => (pair.Value / examples).to(float32));
    }
}
