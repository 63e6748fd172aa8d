using System.Globalization;

namespace Prisma.Circuits;

/// <summary>An axis of a chart: where numbers lie and which are written beside it.</summary>
internal sealed class ChartScale
{
    private const int WantedTicks = 5;

    private readonly double _low, _high, _from, _to;

    private ChartScale(double low, double high, double from, double to, bool logarithmic, IReadOnlyList<double> ticks) =>
        (_low, _high, _from, _to, IsLogarithmic, Ticks) = (low, high, from, to, logarithmic, ticks);

    internal bool IsLogarithmic { get; }

    internal IReadOnlyList<double> Ticks { get; }

    /// <summary>An even axis; a single value lies in its middle.</summary>
    internal static ChartScale Linear(double low, double high, double from, double to, bool wholeNumbers)
    {
        if (high <= low)
        {
            var away = wholeNumbers ? Math.Max(1, Math.Abs(low) * 0.1) : low == 0 ? 1 : Math.Abs(low) * 0.1;
            // Nothing measured so far is below nothing.
            (low, high) = (low == 0 ? 0 : low - away, high + away);
        }
        var step = Step((high - low) / WantedTicks);
        if (wholeNumbers) step = Math.Max(1, step);
        var first = Math.Ceiling(low / step - 1e-9);
        var ticks = Enumerable.Range(0, (int)(Math.Floor(high / step + 1e-9) - first) + 1).Select(k => (first + k) * step).ToList();
        return new ChartScale(low, high, from, to, logarithmic: false, ticks);
    }

    /// <summary>Whole decades around positive numbers.</summary>
    internal static ChartScale Logarithmic(double low, double high, double from, double to)
    {
        var (first, last) = ((int)Math.Floor(Math.Log10(low)), (int)Math.Ceiling(Math.Log10(high)));
        var every = (last - first + WantedTicks) / (WantedTicks + 1);
        return new ChartScale(first, last, from, to, logarithmic: true,
            [.. Enumerable.Range(first, last - first + 1).Where(decade => (decade - first) % Math.Max(1, every) == 0).Select(decade => Math.Pow(10, decade))]);
    }

    internal double At(double value) => _from + ((IsLogarithmic ? Math.Log10(value) : value) - _low) / (_high - _low) * (_to - _from);

    internal static string Said(double value) => value == 0 ? "0" : Math.Abs(value) is >= 0.001 and < 1e6
        ? value.ToString("0.#####", CultureInfo.InvariantCulture)
        : value.ToString("0.##e0", CultureInfo.InvariantCulture);

    // 1, 2 or 5 times a power of ten.
    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 } * power;
    }
}
