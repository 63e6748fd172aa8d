using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// ROAD's imputation (Rong et al. 2022): every missing pixel becomes the weighted mean of its eight neighbours, direct ones 1/6 and diagonal
/// ones 1/12 (at the rim those that exist), all missing pixels at once, and gets a little noise, so that the shape of what is missing tells the
/// model little. A sparse symmetric system over the missing pixels, solved by conjugate gradients.
/// </summary>
public static class NeighbourFill
{
    private const double Noise = 0.01;

    /// <summary>Pictures with their missing pixels made up.</summary>
    /// <param name="picture">[1, C, H, W]. Borrowed.</param>
    /// <param name="missing">[n, 1, H, W], 1 where a pixel is missing. Where all are, the picture's mean colour stands in. Borrowed.</param>
    /// <param name="noise">[1, C, H, W] of standard normal values; null: none is added. Borrowed.</param>
    /// <returns>[n, C, H, W]; the caller (or its scope) disposes it.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor Of(Tensor picture, Tensor missing, Tensor? noise = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(missing);
        if (picture.ndim != 4 || missing.ndim != 4 || picture.shape[0] != 1 || missing.shape[1] != 1 || picture.shape[2] != missing.shape[2] || picture.shape[3] != missing.shape[3])
            throw new ShapeException($"Missing pixels are [n, 1, H, W] of one picture [1, C, H, W]; got [{string.Join(", ", missing.shape)}] and [{string.Join(", ", picture.shape)}].");
        using var scope = NewDisposeScope();
        var (copies, channels, height, width) = ((int)missing.shape[0], (int)picture.shape[1], (int)picture.shape[2], (int)picture.shape[3]);
        var (known, masks, area) = (Numbers.Of(picture.contiguous()), Numbers.Of(missing.contiguous()), height * width);
        var filled = new float[copies * known.Length];
        for (var copy = 0; copy < copies; copy++)
        {
            var own = filled.AsSpan(copy * known.Length, known.Length);
            known.CopyTo(own);
            var hole = new Hole(masks.AsSpan(copy * area, area), height, width);
            for (var channel = 0; channel < channels; channel++) hole.Fill(own.Slice(channel * area, area));
        }
        var result = tensor(filled, [copies, channels, height, width]).to(picture.dtype, picture.device);
        return (noise is null ? result : result + noise * missing * Noise).MoveToOuterDisposeScope();
    }

    /// <summary>The missing pixels of one picture and who their neighbours are.</summary>
    private sealed class Hole
    {
        private const double Tolerance = 1e-3, Rounding = 1e-12;
        private static readonly (int Y, int X, double Weight)[] s_around =
            [(-1, -1, 1 / 12.0), (-1, 0, 1 / 6.0), (-1, 1, 1 / 12.0), (0, -1, 1 / 6.0), (0, 1, 1 / 6.0), (1, -1, 1 / 12.0), (1, 0, 1 / 6.0), (1, 1, 1 / 12.0)];

        private readonly List<int> _places = [];
        private readonly double[] _degrees;

        // Of each missing pixel the neighbours among the missing, by their number, and among the known, by their place; −1 where there is none.
        private readonly int[] _missing, _known;

        internal Hole(ReadOnlySpan<float> mask, int height, int width)
        {
            var numbers = new int[mask.Length];
            for (var place = 0; place < mask.Length; place++)
            {
                numbers[place] = mask[place] > 0.5f ? _places.Count : -1;
                if (numbers[place] >= 0) _places.Add(place);
            }
            (_degrees, _missing, _known) = (new double[_places.Count], new int[8 * _places.Count], new int[8 * _places.Count]);
            for (var i = 0; i < _places.Count; i++)
                for (var k = 0; k < 8; k++)
                {
                    var (y, x) = (_places[i] / width + s_around[k].Y, _places[i] % width + s_around[k].X);
                    var inside = y >= 0 && y < height && x >= 0 && x < width;
                    if (inside) _degrees[i] += s_around[k].Weight;
                    _missing[8 * i + k] = inside ? numbers[y * width + x] : -1;
                    _known[8 * i + k] = inside && numbers[y * width + x] < 0 ? y * width + x : -1;
                }
        }

        /// <summary>Solves for one channel, from its mean on, and writes what was missing.</summary>
        internal void Fill(Span<float> channel)
        {
            double mean = 0, right = 0;
            foreach (var value in channel) mean += value / (double)channel.Length;
            var (found, residual, applied) = (new double[_places.Count], new double[_places.Count], new double[_places.Count]);
            Array.Fill(found, mean);
            Apply(found, applied);
            for (var i = 0; i < residual.Length; i++)
            {
                double from = 0;
                for (var k = 0; k < 8; k++)
                    if (_known[8 * i + k] is >= 0 and var place) from += s_around[k].Weight * channel[place];
                right += from * from;
                residual[i] = from - applied[i];
            }
            var (direction, square) = ((double[])residual.Clone(), Dot(residual, residual));
            // With nothing known the system has no one solution, and its mean is as good as any: what rounding leaves is no error.
            var enough = Tolerance * Tolerance * right + Rounding * residual.Length * (1 + mean * mean);
            for (var step = 0; step < residual.Length && square > enough; step++)
            {
                Apply(direction, applied);
                var along = square / Dot(direction, applied);
                for (var i = 0; i < found.Length; i++)
                {
                    found[i] += along * direction[i];
                    residual[i] -= along * applied[i];
                }
                var next = Dot(residual, residual);
                for (var i = 0; i < found.Length; i++) direction[i] = residual[i] + next / square * direction[i];
                square = next;
            }
            for (var i = 0; i < found.Length; i++) channel[_places[i]] = (float)found[i];
        }

        private void Apply(double[] values, double[] result)
        {
            for (var i = 0; i < values.Length; i++)
            {
                var sum = _degrees[i] * values[i];
                for (var k = 0; k < 8; k++)
                    if (_missing[8 * i + k] is >= 0 and var other) sum -= s_around[k].Weight * values[other];
                result[i] = sum;
            }
        }

        private static double Dot(double[] a, double[] b)
        {
            double sum = 0;
            for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
            return sum;
        }
    }
}
