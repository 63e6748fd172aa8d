using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The assignment of rows to columns of smallest total cost (Jonker and Volgenant 1987: shortest augmenting paths), O(n³).</summary>
public static class Assignment
{
    /// <summary>For each row its column.</summary>
    /// <param name="cost">[n, m] with n at most m; finite.</param>
    /// <exception cref="ShapeException">There are more rows than columns.</exception>
    public static int[] Of(double[,] cost)
    {
        ArgumentNullException.ThrowIfNull(cost);
        var (rows, columns) = (cost.GetLength(0), cost.GetLength(1));
        if (rows > columns) throw new ShapeException($"An assignment needs at least as many columns as rows; got [{rows}, {columns}].");
        // Column 0 stands for "not yet assigned"; potentials keep reduced costs from being negative.
        var (rowPotential, columnPotential, rowOf) = (new double[rows + 1], new double[columns + 1], new int[columns + 1]);
        for (var row = 1; row <= rows; row++) Augment(cost, row, rowPotential, columnPotential, rowOf);
        var assigned = new int[rows];
        for (var column = 1; column <= columns; column++)
            if (rowOf[column] > 0) assigned[rowOf[column] - 1] = column - 1;
        return assigned;
    }

    /// <summary>For each row its column, with the largest total of gains.</summary>
    /// <param name="gains">[n, m] with n at most m; finite.</param>
    /// <exception cref="ShapeException">There are more rows than columns.</exception>
    public static int[] OfLargest(double[,] gains)
    {
        ArgumentNullException.ThrowIfNull(gains);
        var costs = new double[gains.GetLength(0), gains.GetLength(1)];
        for (var i = 0; i < costs.GetLength(0); i++)
            for (var j = 0; j < costs.GetLength(1); j++) costs[i, j] = -gains[i, j];
        return Of(costs);
    }

    private static void Augment(double[,] cost, int row, double[] rowPotential, double[] columnPotential, int[] rowOf)
    {
        var columns = columnPotential.Length - 1;
        var (shortest, from, done) = (new double[columns + 1], new int[columns + 1], new bool[columns + 1]);
        Array.Fill(shortest, double.PositiveInfinity);
        rowOf[0] = row;
        var column = 0;
        do
        {
            done[column] = true;
            var (current, least, next) = (rowOf[column], double.PositiveInfinity, 0);
            for (var j = 1; j <= columns; j++)
            {
                if (done[j]) continue;
                var reduced = cost[current - 1, j - 1] - rowPotential[current] - columnPotential[j];
                if (reduced < shortest[j]) (shortest[j], from[j]) = (reduced, column);
                if (shortest[j] < least) (least, next) = (shortest[j], j);
            }
            for (var j = 0; j <= columns; j++)
                if (done[j])
                {
                    rowPotential[rowOf[j]] += least;
                    columnPotential[j] -= least;
                }
                else shortest[j] -= least;
            column = next;
        }
        while (rowOf[column] != 0);
        for (; column != 0; column = from[column]) rowOf[column] = rowOf[from[column]];
    }
}
