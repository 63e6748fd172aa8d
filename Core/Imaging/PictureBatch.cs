using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Pictures with what a model sees of them. Managed memory only.</summary>
public sealed class PictureBatch
{
    private readonly IReadOnlyList<PreparedImage> _prepared;

    private PictureBatch(IReadOnlyList<string> names, IReadOnlyList<RgbImage> pictures, IReadOnlyList<PreparedImage> prepared) =>
        (Names, Pictures, _prepared) = (names, pictures, prepared);

    /// <summary>The files' names.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The pictures as they are.</summary>
    public IReadOnlyList<RgbImage> Pictures { get; }

    /// <summary>How each was resized and cropped.</summary>
    public IReadOnlyList<ImageGeometry> Geometries => [.. _prepared.Select(image => image.Geometry)];

    /// <summary>Loads and prepares files.</summary>
    /// <exception cref="PrismaException">A file is missing or no picture.</exception>
    public static PictureBatch Load(IEnumerable<string> named, Preprocess preprocess)
    {
        var files = PictureFiles.Find(named);
        var pictures = files.Select(file => RgbImage.Load(file)).ToList();
        return new PictureBatch(files, pictures, [.. pictures.Select(preprocess.Apply)]);
    }

    /// <summary>The model's input [N, 3, H, W]. The caller (or its scope) disposes it.</summary>
    public Tensor ToTensor() => PreparedImage.Stack(_prepared);
}
