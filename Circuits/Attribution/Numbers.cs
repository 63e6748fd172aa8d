using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>From tensors to plain numbers.</summary>
internal static class Numbers
{
    /// <summary>All elements in row-major order, from any device and type.</summary>
    internal static float[] Of(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float32).cpu().data<float>().ToArray();
    }
}
