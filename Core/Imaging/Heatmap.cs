using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// One number for each token that has a place, T x H x W, and the way back to the original picture through crop and resize.
/// Managed memory only; nothing to dispose. All values are finite.
/// </summary>
public sealed class Heatmap
{
    private readonly float[] _values;

    /// <summary>Takes over values in time, row, column order, whatever order the tokens have.</summary>
    /// <param name="values">[frames, rows, columns].</param>
    /// <param name="layout">The grid.</param>
    /// <param name="geometry">What preprocessing did; null: the model saw the picture as it is.</param>
    /// <exception cref="ShapeException">Not one value per place.</exception>
    /// <exception cref="PrismaException">A value is not finite.</exception>
    public Heatmap(float[] values, TokenLayout layout, ImageGeometry? geometry = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(layout);
        if (values.Length != layout.GridTokens)
            throw new ShapeException($"A heatmap on {layout.Frames}x{layout.Rows}x{layout.Columns} tokens needs {layout.GridTokens} values, got {values.Length}.");
        var odd = Array.FindIndex(values, v => !float.IsFinite(v));
        if (odd >= 0)
            throw new PrismaException($"The heatmap's value at frame {odd / (layout.Rows * layout.Columns)}, row {odd / layout.Columns % layout.Rows}, column {odd % layout.Columns} is {values[odd]}; only finite values can be drawn.");
        _values = values;
        Layout = layout;
        Geometry = geometry ?? ImageGeometry.Unchanged(layout.Columns * layout.PatchWidth, layout.Rows * layout.PatchHeight);
    }

    /// <summary>The grid.</summary>
    public TokenLayout Layout { get; }

    /// <summary>What preprocessing did to the picture.</summary>
    public ImageGeometry Geometry { get; }

    /// <summary>[frames, rows, columns].</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The value of a place.</summary>
    public float this[int frame, int row, int column] => _values[(frame * Layout.Rows + row) * Layout.Columns + column];

    /// <summary>From one value per token, those of the prefix included; they are left out.</summary>
    /// <exception cref="ShapeException">Not one value per token.</exception>
    /// <exception cref="PrismaException">A value is not finite.</exception>
    public static Heatmap FromTokens(ReadOnlySpan<float> perToken, TokenLayout layout, ImageGeometry? geometry = null)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (perToken.Length != layout.Tokens)
            throw new ShapeException($"The layout has {layout.Prefix} + {layout.Frames}x{layout.Rows}x{layout.Columns} = {layout.Tokens} tokens, got {perToken.Length} values.");
        var values = new float[layout.GridTokens];
        var at = 0;
        for (var frame = 0; frame < layout.Frames; frame++)
        {
            for (var row = 0; row < layout.Rows; row++)
            {
                for (var column = 0; column < layout.Columns; column++) values[at++] = perToken[layout.TokenAt(frame, row, column)];
            }
        }

        return new Heatmap(values, layout, geometry);
    }

    /// <summary>From a tensor [tokens] (axes of size 1 are dropped), on any device, of any real type; borrowed.</summary>
    /// <exception cref="ShapeException">Not one value per token.</exception>
    /// <exception cref="PrismaException">A value is not finite.</exception>
    public static Heatmap FromTokens(Tensor perToken, TokenLayout layout, ImageGeometry? geometry = null)
    {
        ArgumentNullException.ThrowIfNull(perToken);
        using var scope = NewDisposeScope();
        using var flat = perToken.detach().squeeze().to(ScalarType.Float32).cpu().contiguous();
        if (flat.dim() > 1) throw new ShapeException($"A heatmap needs one value per token, got a tensor of shape [{string.Join(", ", perToken.shape)}].");
        return FromTokens(flat.data<float>().ToArray(), layout, geometry);
    }

    /// <summary>
    /// The map at one moment of a clip as a map of its own with one time step: straight between the middles of the two nearest time steps.
    /// </summary>
    /// <param name="clipFrame">The frame of the clip, 0 the first one that the model saw; parts lie between frames. Beyond the ends the end's values hold.</param>
    public Heatmap AtFrame(double clipFrame)
    {
        var (first, second, share) = Between((clipFrame + 0.5) / Layout.Tubelet, Layout.Frames);
        var places = Layout.Rows * Layout.Columns;
        var values = new float[places];
        for (var k = 0; k < places; k++) values[k] = (float)(_values[first * places + k] * (1 - share) + _values[second * places + k] * share);
        return new Heatmap(values, Layout with { Prefix = 0, Frames = 1, Tubelet = 1 }, Geometry);
    }

    /// <summary>Maps of single frames of one video, one after the other, as a map with as many time steps.</summary>
    /// <exception cref="ShapeException">There are none, or they differ in grid or geometry.</exception>
    public static Heatmap OverTime(IReadOnlyList<Heatmap> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (frames.Count == 0) throw new ShapeException("A heatmap over time needs at least one frame.");
        var (layout, geometry) = (frames[0].Layout with { Prefix = 0 }, frames[0].Geometry);
        if (frames.Any(frame => frame.Layout.Frames != 1 || frame.Layout with { Prefix = 0 } != layout || frame.Geometry != geometry))
            throw new ShapeException("Maps of one video must be of single frames with one grid and one geometry.");
        return new Heatmap([.. frames.SelectMany(frame => frame._values)], layout with { Frames = frames.Count, Order = TokenOrder.TimeMajor }, geometry);
    }

    /// <summary>
    /// The values over the original picture, drawn at width x height: [height, width], NaN where the model saw nothing (outside the crop,
    /// or beyond the last whole patch).
    /// </summary>
    /// <param name="frame">Time step of the grid.</param>
    /// <param name="width">Pixels per row of the drawing; the original's width for one value per pixel of it.</param>
    /// <param name="height">Rows of the drawing.</param>
    /// <param name="sampling">What happens between token centres.</param>
    public float[] OnPicture(int frame, int width, int height, HeatmapSampling sampling = HeatmapSampling.Bilinear)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)frame, (uint)Layout.Frames, nameof(frame));
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var across = new double[width];
        for (var x = 0; x < width; x++)
            across[x] = Geometry.ToModel((x + 0.5) * Geometry.OriginalWidth / width, 0).X / Layout.PatchWidth;
        var values = new float[width * height];
        for (var y = 0; y < height; y++)
        {
            var down = Geometry.ToModel(0, (y + 0.5) * Geometry.OriginalHeight / height).Y / Layout.PatchHeight;
            for (var x = 0; x < width; x++) values[y * width + x] = At(frame, down, across[x], sampling);
        }

        return values;
    }

    /// <summary>The same, one value per pixel of the original picture.</summary>
    public float[] OnPicture(int frame = 0, HeatmapSampling sampling = HeatmapSampling.Bilinear) =>
        OnPicture(frame, Geometry.OriginalWidth, Geometry.OriginalHeight, sampling);

    // Coordinates in tokens: token i covers [i, i + 1).
    private float At(int frame, double down, double across, HeatmapSampling sampling)
    {
        if (down < 0 || across < 0 || down >= Layout.Rows || across >= Layout.Columns) return float.NaN;
        if (sampling == HeatmapSampling.Blocks) return this[frame, (int)down, (int)across];
        var (top, bottom, low) = Between(down, Layout.Rows);
        var (left, right, near) = Between(across, Layout.Columns);
        var upper = this[frame, top, left] * (1 - near) + this[frame, top, right] * near;
        var lower = this[frame, bottom, left] * (1 - near) + this[frame, bottom, right] * near;
        return (float)(upper * (1 - low) + lower * low);
    }

    private static (int First, int Second, double Share) Between(double at, int count)
    {
        at = Math.Clamp(at - 0.5, 0, count - 1);
        var first = (int)at;
        return (first, Math.Min(first + 1, count - 1), at - first);
    }
}
