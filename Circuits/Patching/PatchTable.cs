using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>What single changes did to a target. Managed memory only.</summary>
public sealed record PatchTable
{
    /// <summary>What was changed, in words.</summary>
    public required string Title { get; init; }

    /// <summary>What was measured.</summary>
    public required string Target { get; init; }

    /// <summary>Names of the rows: <c>L3</c>, <c>L3H0</c>.</summary>
    public required IReadOnlyList<string> RowLabels { get; init; }

    /// <summary>Names of the columns.</summary>
    public required IReadOnlyList<string> ColumnLabels { get; init; }

    /// <summary>The target of each example in the run that was changed, before any change.</summary>
    public required IReadOnlyList<double> Before { get; init; }

    /// <summary>The target of each example in the run that gave the values; empty where no run gave them (ablation).</summary>
    public IReadOnlyList<double> Donor { get; init; } = [];

    /// <summary>The target after each change, [row][column][example].</summary>
    public required float[][][] After { get; init; }

    /// <summary>Examples passed forward for the table, counted in full passes of one example (a pass from a middle block counts as its share).</summary>
    public double Forwards { get; init; }

    /// <summary>The change of the target, mean over the examples: after minus before.</summary>
    public double Change(int row, int column) => After[row][column].Zip(Before, (after, before) => after - before).Average();

    /// <summary>
    /// The share of the way from the changed run to the giving one, ratio of the means: 0 nothing happened, 1 the target is as in the giving run;
    /// may lie beyond.
    /// </summary>
    /// <exception cref="PrismaException">No run gave values, or both runs have the same target, to within rounding (1e-5 of it).</exception>
    public double Share(int row, int column)
    {
        if (Donor.Count == 0) throw new PrismaException("An ablation has no second run, so its changes have no share; read Change.");
        return !Runs.Alike(Donor, Before) ? Change(row, column) / (Donor.Average() - Before.Average())
            : throw new PrismaException($"Both runs have the same target ({Before.Average():g6}), so there is nothing to bring back. Choose another target or another pair.");
    }

    /// <summary>All changes, [rows, columns].</summary>
    public double[,] Changes() => Filled(Change);

    /// <summary>All shares, [rows, columns].</summary>
    public double[,] Shares() => Filled(Share);

    private double[,] Filled(Func<int, int, double> value)
    {
        var filled = new double[RowLabels.Count, ColumnLabels.Count];
        for (var row = 0; row < RowLabels.Count; row++)
            for (var column = 0; column < ColumnLabels.Count; column++) filled[row, column] = value(row, column);
        return filled;
    }
}
