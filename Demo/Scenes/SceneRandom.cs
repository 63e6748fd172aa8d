namespace Prisma.Demo;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood, 2014): a 64-bit counter and a mixing function. The same seed gives the same numbers
/// on every machine and runtime. Floats take the upper 24 bits, so that each is exact.
/// </summary>
public sealed class SceneRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 random bits.</summary>
    public ulong NextBits()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number in [0, 1).</summary>
    public float NextUnit() => (NextBits() >> 40) * (1f / (1 << 24));

    /// <summary>A number in [from, to).</summary>
    public float NextBetween(float from, float to) => from + (to - from) * NextUnit();

    /// <summary>A whole number in [0, count).</summary>
    public int NextBelow(int count) => (int)(((NextBits() >> 32) * (ulong)count) >> 32);

    /// <summary>A member of the enum, each equally likely; the enum's values are 0, 1, 2, …</summary>
    public T NextOf<T>(T[] values) => values[NextBelow(values.Length)];

    /// <summary>A direction, uniform on the circle, without trigonometry: a point of the unit disc, scaled to length 1.</summary>
    public (float Cos, float Sin) NextTurn()
    {
        while (true)
        {
            float x = NextBetween(-1, 1), y = NextBetween(-1, 1), square = x * x + y * y;
            if (square is > 0.01f and <= 1f)
            {
                float length = MathF.Sqrt(square);
                return (x / length, y / length);
            }
        }
    }
}
