using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>The files of an intervention: pictures beside their originals, what changed, and where features fired.</summary>
public sealed class InterventionPictures(string folder, ExistingFile existing)
{
    private readonly List<string> _files = [];

    /// <summary>The names of the files written so far.</summary>
    public IReadOnlyList<string> Files => _files;

    /// <summary>Every picture before and after, and their difference, alone and on a sheet.</summary>
    public void Write(InterventionResult result)
    {
        for (var i = 0; i < result.Original.Pictures.Count; i++)
        {
            var (original, edited) = (result.Original.Pictures[i], result.Edited.Pictures[i]);
            var difference = Difference(original, edited);
            Save($"{i:d3}-original.png", original);
            Save($"{i:d3}-edited.png", edited);
            Save($"{i:d3}-difference.png", difference);
            Save($"{i:d3}-sheet.png", HeatmapPicture.Sheet([new("original", original, null), new("edited", edited, null), new("difference", difference, null)], columns: 3));
        }
    }

    /// <summary>A feature's map at every step, before and after, over the pictures.</summary>
    public void WriteMaps(PictureIntervention intervention, InterventionResult result, HookSite site, int feature)
    {
        using var scope = NewDisposeScope();
        var layout = intervention.LayoutOf(site, result.Original);
        var (before, after) = (intervention.MapOf(site, feature, result.Original), intervention.MapOf(site, feature, result.Edited));
        var style = new HeatmapStyle { Sampling = HeatmapSampling.Bilinear };
        for (var i = 0; i < result.Original.Pictures.Count; i++)
        {
            var tiles = new List<HeatmapTile>();
            for (var step = 0; step < before.shape[1]; step++)
            {
                tiles.Add(Tile($"step {step}, original", result.Original.Pictures[i], before[i][step], layout));
                tiles.Add(Tile($"step {step}, edited", result.Edited.Pictures[i], after[i][step], layout));
            }
            Save($"{i:d3}-{site.Path.Part}-{feature}.png", HeatmapPicture.Sheet(tiles, style, columns: 2, title: $"{site} feature {feature}"));
        }
    }

    /// <summary>Sums of absolute differences of the three colours, the largest white.</summary>
    public static RgbImage Difference(RgbImage one, RgbImage other)
    {
        var sums = new int[one.Width * one.Height];
        for (var i = 0; i < one.Pixels.Length; i++) sums[i / 3] += Math.Abs(one.Pixels[i] - other.Pixels[i]);
        var largest = Math.Max(1, sums.Max());
        return new RgbImage(one.Width, one.Height, [.. sums.SelectMany(sum => Enumerable.Repeat((byte)(255 * sum / largest), 3))]);
    }

    /// <summary>A map over a picture; by itself where the cells do not divide the picture evenly.</summary>
    public static HeatmapTile Tile(string caption, RgbImage picture, Tensor cells, TokenLayout layout)
    {
        var fits = layout.Columns * layout.PatchWidth == picture.Width && layout.Rows * layout.PatchHeight == picture.Height;
        return new HeatmapTile(caption, fits ? picture : null, Heatmap.FromTokens(cells.flatten(), layout));
    }

    /// <summary>Writes one more picture into the folder.</summary>
    public void Save(string name, RgbImage picture)
    {
        picture.Save(Path.Combine(folder, name), existing);
        _files.Add(name);
    }
}
