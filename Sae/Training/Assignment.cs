namespace Prisma.Sae;

/// <summary>The one-to-one matching of rows and columns with the largest sum (the Hungarian method, O(n³)).</summary>
internal static class Assignment
{
    /// <summary>The column of each row.</summary>
    /// <param name="gains">A square matrix, row by row.</param>
    /// <param name="size">Its size.</param>
    internal static int[] Best(ReadOnlySpan<float> gains, int size)
    {
        // Rows enter one by one; potentials u and v keep all reduced costs from being negative. Row 0 and column 0 stand for "none".
        var (u, v) = (new double[size + 1], new double[size + 1]);
        var (rowOf, before) = (new int[size + 1], new int[size + 1]);
        var (least, used) = (new double[size + 1], new bool[size + 1]);
        for (var row = 1; row <= size; row++)
        {
            rowOf[0] = row;
            var column = 0;
            Array.Fill(least, double.PositiveInfinity);
            Array.Clear(used);
            do
            {
                used[column] = true;
                var (here, next, step) = (rowOf[column], 0, double.PositiveInfinity);
                for (var other = 1; other <= size; other++)
                {
                    if (used[other]) continue;
                    var cost = -gains[(here - 1) * size + other - 1] - u[here] - v[other];
                    if (cost < least[other]) (least[other], before[other]) = (cost, column);
                    if (least[other] < step) (step, next) = (least[other], other);
                }
                for (var other = 0; other <= size; other++)
                {
                    if (used[other]) (u[rowOf[other]], v[other]) = (u[rowOf[other]] + step, v[other] - step);
                    else least[other] -= step;
                }
                column = next;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = before[column]) rowOf[column] = rowOf[before[column]];
        }
        var columnOf = new int[size];
        for (var column = 1; column <= size; column++) columnOf[rowOf[column] - 1] = column - 1;
        return columnOf;
    }
}
