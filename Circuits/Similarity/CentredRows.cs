using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What comparisons of representations share: two matrices of rows of the same inputs.</summary>
internal static class CentredRows
{
    // In double precision, each column's mean taken off.
    internal static Tensor Of(Tensor x)
    {
        var exact = x.detach().to(float64);
        return exact - exact.mean([0], keepdim: true);
    }

    internal static void Check(Tensor x, Tensor y, int least)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.ndim != 2 || y.ndim != 2 || x.shape[0] != y.shape[0] || x.shape[0] < least)
            throw new ShapeException($"Representations of the same inputs are needed, [n, a] and [n, b] with n at least {least}; got [{string.Join(", ", x.shape)}] and [{string.Join(", ", y.shape)}].");
    }
}
