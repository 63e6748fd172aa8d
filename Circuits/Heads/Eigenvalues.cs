using System.Numerics;

namespace Prisma.Circuits;

/// <summary>
/// Eigenvalues of small real matrices that need not be symmetric, for what heads do to the stream: reduction to Hessenberg form by elimination
/// with pivots, then QR steps with Wilkinson's shift in complex numbers (Golub and Van Loan, ch. 7). n³ work in double precision; no vectors.
/// </summary>
internal static class Eigenvalues
{
    private const int Patience = 60;  // QR steps for one eigenvalue; two or three are usual
    private const double Small = 1e-15;

    /// <summary>All n eigenvalues, in no order.</summary>
    internal static Complex[] Of(double[,] matrix)
    {
        var h = Hessenberg(matrix);
        var values = new Complex[h.GetLength(0)];
        var (last, steps) = (values.Length - 1, 0);
        while (last >= 0)
        {
            var first = Start(h, last);
            if (first == last)
            {
                values[last] = h[last, last];
                (last, steps) = (last - 1, 0);
                continue;
            }
            if (++steps > Patience) throw new InvalidOperationException("The QR steps for eigenvalues do not settle.");
            // Every tenth step another shift, for matrices that turn in a circle.
            Step(h, first, last, steps % 10 == 0 ? h[last, last] + h[last, last - 1].Magnitude : Shift(h, last));
        }
        return values;
    }

    private static Complex[,] Hessenberg(double[,] matrix)
    {
        var n = matrix.GetLength(0);
        var a = (double[,])matrix.Clone();
        for (var m = 1; m < n - 1; m++)
        {
            var pivot = m;
            for (var i = m + 1; i < n; i++)
                if (Math.Abs(a[i, m - 1]) > Math.Abs(a[pivot, m - 1])) pivot = i;
            for (var j = 0; j < n && pivot != m; j++) (a[pivot, j], a[m, j]) = (a[m, j], a[pivot, j]);
            for (var i = 0; i < n && pivot != m; i++) (a[i, pivot], a[i, m]) = (a[i, m], a[i, pivot]);
            if (a[m, m - 1] == 0) continue;
            for (var i = m + 1; i < n; i++)
            {
                var factor = a[i, m - 1] / a[m, m - 1];
                if (factor == 0) continue;
                for (var j = m - 1; j < n; j++) a[i, j] -= factor * a[m, j];
                for (var j = 0; j < n; j++) a[j, m] += factor * a[j, i];
            }
        }
        var h = new Complex[n, n];
        for (var i = 0; i < n; i++)
            for (var j = Math.Max(0, i - 1); j < n; j++) h[i, j] = a[i, j];
        return h;
    }

    // Where the block that ends at `last` begins: behind the nearest entry below the diagonal that counts as zero.
    private static int Start(Complex[,] h, int last)
    {
        for (var k = last; k > 0; k--)
            if (h[k, k - 1].Magnitude <= Small * (h[k, k].Magnitude + h[k - 1, k - 1].Magnitude)) return k;
        return 0;
    }

    // The eigenvalue of the last 2×2 block that is nearer to its corner.
    private static Complex Shift(Complex[,] h, int last)
    {
        var (a, b, c, d) = (h[last - 1, last - 1], h[last - 1, last], h[last, last - 1], h[last, last]);
        var (half, root) = ((a + d) / 2, Complex.Sqrt((a - d) * (a - d) / 4 + b * c));
        return (half + root - d).Magnitude < (half - root - d).Magnitude ? half + root : half - root;
    }

    private static void Step(Complex[,] h, int first, int last, Complex shift)
    {
        var turns = new (Complex C, Complex S)[last - first];
        for (var k = first; k <= last; k++) h[k, k] -= shift;
        for (var k = first; k < last; k++)
        {
            var size = Math.Sqrt(h[k, k].Magnitude * h[k, k].Magnitude + h[k + 1, k].Magnitude * h[k + 1, k].Magnitude);
            var (c, s) = turns[k - first] = size == 0 ? (Complex.One, Complex.Zero) : (h[k, k] / size, h[k + 1, k] / size);
            for (var j = k; j <= last; j++)
                (h[k, j], h[k + 1, j]) = (Complex.Conjugate(c) * h[k, j] + Complex.Conjugate(s) * h[k + 1, j], c * h[k + 1, j] - s * h[k, j]);
        }
        for (var k = first; k < last; k++)
        {
            var (c, s) = turns[k - first];
            for (var i = first; i <= Math.Min(k + 1, last); i++)
                (h[i, k], h[i, k + 1]) = (h[i, k] * c + h[i, k + 1] * s, h[i, k + 1] * Complex.Conjugate(c) - h[i, k] * Complex.Conjugate(s));
        }
        for (var k = first; k <= last; k++) h[k, k] += shift;
    }
}
