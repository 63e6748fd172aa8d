using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What single parts of a value do for a target: each cell of a grid is replaced by zero, by a mean or by another example's value, and
/// the rest of the model is recomputed. Zero and mean disagree where a part is mostly constant; report both.
/// </summary>
public static class SiteAblation
{
    /// <summary>Ablates every cell of a grid by itself.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch; batch means and donors come from it. Borrowed.</param>
    /// <param name="grid">What to ablate.</param>
    /// <param name="target">Null: the class that the model chose.</param>
    /// <param name="kind">What replaces it.</param>
    /// <param name="data">For <see cref="AblationKind.DataMean"/>: batches of the same shape, read once. Borrowed.</param>
    /// <param name="donors">For <see cref="AblationKind.Resample"/>: over how many other examples the result is averaged.</param>
    /// <param name="options">How it is carried out.</param>
    /// <exception cref="OptionsException">A single example has no mean and no donor, or the data is missing.</exception>
    public static PatchTable Effects(HookedModel model, ModelInput input, PatchGrid grid, Target? target = null, AblationKind kind = AblationKind.Zero,
        IEnumerable<ModelInput>? data = null, int donors = 1, PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(grid);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        options ??= new PatchOptions();
        target ??= new ChosenClass(model.Card.Labels);
        var sites = grid.Sites(model);
        using var plain = model.Run(input, PatchRunner.Ask(model, target.Ask(HookPlan.Empty.Keep([.. sites])), options));
        var settled = new Settled(target, plain, (int)target.Of(plain).shape[0]);
        if (kind is AblationKind.BatchMean or AblationKind.Resample && settled.Examples < 2)
            throw new OptionsException($"{kind} needs at least two examples: one alone would replace a part by itself.");
        if (kind == AblationKind.DataMean && data is null) throw new OptionsException("DataMean needs data to take the mean over.");
        if (donors < 1 || (kind == AblationKind.Resample && donors >= settled.Examples))
            throw new OptionsException($"{donors} donors were asked for; the batch has {settled.Examples - 1} others.");
        var means = kind == AblationKind.DataMean ? DataMeans.Of(model, data!, sites) : null;
        var tables = Enumerable.Range(1, kind == AblationKind.Resample ? donors : 1).Select(shift => GridRun.Measure(model, input, plain, settled, grid, site => kind switch
        {
            AblationKind.BatchMean => plain.Cache[site].mean([0], keepdim: true),
            AblationKind.Resample => plain.Cache[site].roll(shift, 0),
            AblationKind.DataMean => means![site],
            _ => null,
        }, options)).ToList();
        return tables[0] with { Title = $"{grid.Kind.Name} replaced by {Name(kind)}", After = Mean(tables), Forwards = tables.Sum(table => table.Forwards) };
    }

    private static string Name(AblationKind kind) => kind switch
    {
        AblationKind.BatchMean => "its mean over the batch",
        AblationKind.DataMean => "its mean over the data",
        AblationKind.Resample => "that of other examples",
        _ => "zero",
    };

    private static float[][][] Mean(List<PatchTable> tables) => tables.Count == 1 ? tables[0].After
        : [.. tables[0].After.Select((row, r) => row.Select((cell, c) => cell.Select((_, k) => tables.Average(table => table.After[r][c][k])).ToArray()).ToArray())];
}
