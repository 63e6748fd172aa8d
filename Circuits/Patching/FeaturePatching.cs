using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Activation patching of single features of a sparse coder: a feature gets the strength it has in the other run, at all of the coder's
/// tokens; the error and the other features stay.
/// </summary>
public static class FeaturePatching
{
    /// <summary>Tries every feature: one row each, one column.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="coder">The coder. Borrowed.</param>
    /// <param name="features">Which features; null: the <paramref name="top"/> whose strengths differ most between the runs.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="direction">Which run is changed.</param>
    /// <param name="options">How it is carried out.</param>
    /// <param name="splice">Place and name checks.</param>
    /// <param name="top">How many features where none are named.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or there is no such feature.</exception>
    public static PatchTable Run(HookedModel model, ModelInput clean, ModelInput corrupt, ISparseCoder coder, IReadOnlyList<int>? features = null,
        Target? target = null, PatchDirection direction = PatchDirection.Denoise, PatchOptions? options = null, SpliceOptions? splice = null, int top = 50)
    {
        ArgumentNullException.ThrowIfNull(coder);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var placement = CoderPlacement.Of(coder, model, clean, splice);
        using var pair = PatchPair.Record(model, clean, corrupt, target, [placement.Reads, placement.Writes], options);
        var (changed, donor) = direction == PatchDirection.Denoise ? (pair.Corrupt, pair.Clean) : (pair.Clean, pair.Corrupt);
        using var before = coder.Encode(placement.Own(changed.Cache[placement.Reads]));
        using var after = coder.Encode(placement.Own(donor.Cache[placement.Reads]));
        features ??= Largest(before, after, top);
        if (features.FirstOrDefault(feature => feature < 0 || feature >= coder.Card.Features, -1) is var wrong && wrong != -1)
            throw new OptionsException($"There is no feature {wrong} in {coder.Card.Name}: it has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
        var cells = features.Select(feature => (PatchCell)new FeatureCell(placement.Writes, coder, placement, feature,
            (after.Column(feature) - before.Column(feature)).reshape(pair.Settled.Examples, -1))).ToList();
        var input = direction == PatchDirection.Denoise ? corrupt : clean;
        var values = new PatchRunner(model, input, changed, pair.Settled, pair.Options).Run(cells);
        return new PatchTable
        {
            Title = $"features at {placement.Reads}: {(direction == PatchDirection.Denoise ? "clean strengths in the corrupted run" : "corrupted strengths in the clean run")}",
            Target = pair.Settled.Name,
            RowLabels = [.. features.Select(feature => $"{feature}")],
            ColumnLabels = ["all"],
            Before = pair.Scores(changed),
            Donor = pair.Scores(donor),
            After = [.. values.Select(value => new[] { value })],
            Forwards = pair.Settled.Examples * (2 + cells.Sum(cell => GridRun.Share(model, cell.Site, pair.Options))),
        };
    }

    private static int[] Largest(Codes before, Codes after, int count)
    {
        var differences = (after.ToDense() - before.ToDense()).abs().sum(0L);
        var (values, indices) = differences.topk((int)Math.Min(count, differences.shape[0]));
        var strengths = Numbers.Of(values);
        return [.. indices.data<long>().ToArray().Select(index => (int)index).Where((_, k) => strengths[k] > 0)];
    }
}
