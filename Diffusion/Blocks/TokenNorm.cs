using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Layer normalisation of the last axis without places of its own.</summary>
internal sealed class TokenNorm : Module
{
    private const double Eps = 1e-5;  // the reference's transformer blocks know no other

    private readonly long[] _width;
    private readonly Weight _gain, _bias;

    internal TokenNorm(long width)
    {
        _width = [width];
        _gain = Declare("weight", width);
        _bias = Declare("bias", width);
    }

    internal Tensor Forward(Tensor x) => nn.functional.layer_norm(x, _width, _gain.Value, _bias.Value, Eps);
}
