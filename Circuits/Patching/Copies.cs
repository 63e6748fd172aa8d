using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Several copies of a batch along its first axis, copy after copy.</summary>
internal static class Copies
{
    /// <summary>[B, …] to [count·B, …]; without copying where B is 1.</summary>
    internal static Tensor Of(Tensor value, int count) => count == 1 ? value
        : value.unsqueeze(0).expand([count, .. value.shape]).reshape([count * value.shape[0], .. value.shape[1..]]);

    /// <summary>The first example of an input.</summary>
    internal static ModelInput First(ModelInput input)
    {
        var one = new ModelInput();
        foreach (var (name, tensor) in input) one.Add(name, tensor.ndim > 0 && tensor.shape[0] > 1 ? tensor.narrow(0, 0, 1) : tensor);
        return one;
    }

    /// <summary>An input of <paramref name="count"/> copies of its examples; what has no batch axis stays.</summary>
    internal static ModelInput Of(ModelInput input, int examples, int count)
    {
        var copied = new ModelInput();
        foreach (var (name, tensor) in input) copied.Add(name, tensor.ndim > 0 && tensor.shape[0] == examples ? Of(tensor, count) : tensor);
        return copied;
    }
}
