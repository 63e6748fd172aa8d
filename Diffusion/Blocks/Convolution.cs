using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A convolution of pictures with a square kernel and a bias: [B, in, h, w] to [B, out, h', w'].</summary>
internal sealed class Convolution : Module
{
    private readonly Weight _kernel, _bias;
    private readonly long[] _stride, _padding;

    internal Convolution(int inputs, int outputs, int kernel, int stride = 1, int? padding = null)
    {
        (_stride, _padding) = ([stride, stride], [padding ?? kernel / 2, padding ?? kernel / 2]);
        _kernel = Declare("weight", outputs, inputs, kernel, kernel);
        _bias = Declare("bias", outputs);
    }

    /// <summary>The type of the weights, which is what the model computes in.</summary>
    internal ScalarType Type => _kernel.Value.dtype;

    internal Tensor Forward(Tensor x) => nn.functional.conv2d(x, _kernel.Value, _bias.Value, _stride, _padding);
}
