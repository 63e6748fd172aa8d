using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Activation patching (Vig et al. 2020; Meng et al. 2022): two runs of the same shape, clean and corrupted; one value of the one run is
/// put into the other, everything behind it is recomputed, and the target says how much of the behaviour came (or went) with it.
/// </summary>
public static class ActivationPatching
{
    /// <summary>Tries every change of a grid.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples, of the same shape, that do not: counterfactual pictures, one for each.</param>
    /// <param name="grid">What to change.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="direction">Which run is changed.</param>
    /// <param name="options">How it is carried out.</param>
    /// <exception cref="NotApplicableException">The model has no such places.</exception>
    /// <exception cref="OptionsException">The grid does not fit the place, or the runs' shapes differ.</exception>
    public static PatchTable Run(HookedModel model, ModelInput clean, ModelInput corrupt, PatchGrid grid, Target? target = null,
        PatchDirection direction = PatchDirection.Denoise, PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(grid);
        using var scope = NewDisposeScope();
        using var pair = PatchPair.Record(model, clean, corrupt, target, [.. grid.Sites(model)], options);
        var (changed, donor) = direction == PatchDirection.Denoise ? (pair.Corrupt, pair.Clean) : (pair.Clean, pair.Corrupt);
        var table = GridRun.Measure(model, direction == PatchDirection.Denoise ? corrupt : clean, changed, pair.Settled, grid, site => donor.Cache[site], pair.Options);
        return table with
        {
            Title = $"{grid.Kind.Name}: {(direction == PatchDirection.Denoise ? "clean values in the corrupted run" : "corrupted values in the clean run")}",
            Donor = pair.Scores(donor),
        };
    }
}
