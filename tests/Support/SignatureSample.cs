namespace Prisma.Tests;

/// <summary>Members whose written signatures <see cref="SignatureTests"/> knows.</summary>
public static class SignatureSample
{
    public enum Colour : byte
    {
        Red = 2,
    }

    public static (int a, int b) Take(ReadOnlySpan<int> ids, (double left, string) pair, Colour colour = Colour.Red, float? scale = null, string name = "x") =>
        throw new NotSupportedException($"{ids.Length}{pair}{colour}{scale}{name}");

    public static T Many<T>(params T[] items) where T : struct => items[0];

    public static int Twice(this int value, ref int by) => value * by;

    public sealed class Inner(long count = 3) : IDisposable
    {
        public long? Size { get; private set; } = count;

        public void Dispose() => Size = null;
    }
}
