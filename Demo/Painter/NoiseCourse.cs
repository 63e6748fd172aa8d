namespace Prisma.Demo;

/// <summary>How noisy a latent is at each time of the training: x_t = √ᾱ · x + √(1 − ᾱ) · ε with Stable Diffusion's course of β.</summary>
internal static class NoiseCourse
{
    public const int Times = 1000;
    public const double FirstBeta = 0.00085, LastBeta = 0.012;

    private static readonly double[] _left = Products();

    /// <summary>√ᾱ and √(1 − ᾱ) at a time.</summary>
    public static (double Clean, double Noise) At(long time) => (Math.Sqrt(_left[time]), Math.Sqrt(1 - _left[time]));

    /// <summary>The times at which a sampler of so many steps asks the model: evenly spaced from the last back.</summary>
    public static long[] Asked(int steps) => [.. Enumerable.Range(0, steps).Select(step => (long)Math.Round(Times - step * (double)Times / steps) - 1)];

    private static double[] Products()
    {
        var left = new double[Times];
        double product = 1, first = Math.Sqrt(FirstBeta), last = Math.Sqrt(LastBeta);
        for (int t = 0; t < Times; t++)
        {
            double root = first + (last - first) * t / (Times - 1);
            left[t] = product *= 1 - root * root;
        }
        return left;
    }
}
