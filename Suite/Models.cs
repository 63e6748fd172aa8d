using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>Where to start: loads models of every family of the product.</summary>
public static class Models
{
    /// <summary>The families of all libraries; the one list of assemblies in which they are found.</summary>
    public static ModelCatalog Catalog { get; } = new(typeof(VitFamily).Assembly, typeof(ClipTextFamily).Assembly, typeof(UnetFamily).Assembly);

    /// <summary>Loads a checkpoint folder. Dispose the model.</summary>
    /// <exception cref="CheckpointException">The folder is missing, damaged, or of no known family.</exception>
    public static HookedModel Load(string path, string? family = null, ScalarType dtype = ScalarType.Float32) => Catalog.Load(path, family, dtype);
}
