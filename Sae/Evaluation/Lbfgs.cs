namespace Prisma.Sae;

/// <summary>Limited-memory BFGS (Nocedal &amp; Wright, algorithm 7.4) with backtracking, for smooth convex functions of plain arrays.</summary>
internal static class Lbfgs
{
    private const int Memory = 10, Halvings = 40;
    private const double Sufficient = 1e-4;

    /// <summary>The value at a point; writes the gradient there.</summary>
    internal delegate double Function(double[] at, double[] gradient);

    /// <summary>Goes downhill until no entry of the gradient exceeds the tolerance, no step helps, or the iterations are used up.</summary>
    internal static double[] Minimise(double[] start, Function function, int iterations, double tolerance)
    {
        var (at, gradient) = (start, new double[start.Length]);
        var value = function(at, gradient);
        var pairs = new Queue<(double[] Step, double[] Change, double Scale)>();
        for (var k = 0; k < iterations && gradient.Max(Math.Abs) > tolerance; k++)
        {
            var direction = Direction(gradient, [.. pairs]);
            var slope = Dot(direction, gradient);
            // The first step has no curvature to go by: at most of length 1.
            var length = pairs.Count == 0 ? Math.Min(1, 1 / Math.Sqrt(Dot(gradient, gradient))) : 1.0;
            var (next, nextGradient, nextValue, halvings) = (at, gradient, value, 0);
            for (; halvings < Halvings; halvings++, length /= 2)
            {
                next = [.. at.Zip(direction, (x, d) => x + length * d)];
                nextGradient = new double[at.Length];
                nextValue = function(next, nextGradient);
                if (nextValue <= value + Sufficient * length * slope) break;
            }
            if (halvings == Halvings) break;
            double[] step = [.. next.Zip(at, (b, a) => b - a)], change = [.. nextGradient.Zip(gradient, (b, a) => b - a)];
            var curvature = Dot(step, change);
            if (curvature > 1e-16)
            {
                pairs.Enqueue((step, change, 1 / curvature));
                if (pairs.Count > Memory) pairs.Dequeue();
            }
            (at, gradient, value) = (next, nextGradient, nextValue);
        }
        return at;
    }

    private static double[] Direction(double[] gradient, (double[] Step, double[] Change, double Scale)[] pairs)
    {
        double[] q = [.. gradient];
        var factors = new double[pairs.Length];
        for (var k = pairs.Length - 1; k >= 0; k--)
        {
            factors[k] = pairs[k].Scale * Dot(pairs[k].Step, q);
            AddTo(q, pairs[k].Change, -factors[k]);
        }
        if (pairs.Length > 0)
        {
            var (_, change, scale) = pairs[^1];
            var first = 1 / (scale * Dot(change, change));
            for (var k = 0; k < q.Length; k++) q[k] *= first;
        }
        for (var k = 0; k < pairs.Length; k++) AddTo(q, pairs[k].Step, factors[k] - pairs[k].Scale * Dot(pairs[k].Change, q));
        for (var k = 0; k < q.Length; k++) q[k] = -q[k];
        return q;
    }

    private static void AddTo(double[] into, double[] what, double times)
    {
        for (var k = 0; k < into.Length; k++) into[k] += times * what[k];
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var k = 0; k < a.Length; k++) sum += a[k] * b[k];
        return sum;
    }
}
