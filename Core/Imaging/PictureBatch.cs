using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Pictures with what a model sees of them. Managed memory only.</summary>
public sealed class PictureBatch
{
    private readonly IReadOnlyList<PreparedImage> _prepared;

    private PictureBatch(IReadOnlyList<string> names, IReadOnlyList<RgbImage> pictures, IReadOnlyList<PreparedImage> prepared) =>
        (Names, Pictures, _prepared) = (names, pictures, prepared);

    /// <summary>What the pictures are called: a file's path, or the archive's with the place in it.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The pictures as they are.</summary>
    public IReadOnlyList<RgbImage> Pictures { get; }

    /// <summary>How each was resized and cropped.</summary>
    public IReadOnlyList<ImageGeometry> Geometries => [.. _prepared.Select(image => image.Geometry)];

    /// <summary>Loads and prepares the pictures behind names: files, folders, patterns, lists, tar archives, Parquet tables.</summary>
    /// <exception cref="PrismaException">A name leads to nothing, or to what is no picture.</exception>
    public static PictureBatch Load(IEnumerable<string> named, Preprocess preprocess)
    {
        ArgumentNullException.ThrowIfNull(preprocess);
        var entries = PictureSources.Find(named);
        var pictures = entries.Select(entry => entry.Load()).ToList();
        return new PictureBatch([.. entries.Select(entry => entry.Name)], pictures, [.. pictures.Select(preprocess.Apply)]);
    }

    /// <summary>The model's input [N, 3, H, W]. The caller (or its scope) disposes it.</summary>
    /// <exception cref="ShapeException">The pictures are of different sizes, as they may be for models of variable resolution.</exception>
    public Tensor ToTensor() => PreparedImage.Stack(_prepared);

    /// <summary>The same in parts of one size each, in order. The caller (or its scope) disposes them.</summary>
    /// <param name="atOnce">The most pictures of a part; null for no bound.</param>
    public IReadOnlyList<Tensor> ToTensors(int? atOnce)
    {
        var parts = new List<List<PreparedImage>>();
        foreach (var image in _prepared)
        {
            var last = parts.LastOrDefault();
            if (last is null || last.Count == atOnce || (last[0].Width, last[0].Height) != (image.Width, image.Height)) parts.Add(last = []);
            last.Add(image);
        }
        return [.. parts.Select(PreparedImage.Stack)];
    }
}
