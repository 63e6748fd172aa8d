using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A convolution of pictures with a square kernel and, mostly, a bias: [B, in, h, w] to [B, out, h', w'].</summary>
internal sealed class Convolution : Module
{
    private readonly Weight _kernel;
    private readonly Weight? _bias;
    private readonly long[] _stride, _padding;

    internal Convolution(int inputs, int outputs, int kernel, int stride = 1, int? padding = null, bool bias = true)
    {
        (_stride, _padding) = ([stride, stride], [padding ?? kernel / 2, padding ?? kernel / 2]);
        _kernel = Declare("weight", outputs, inputs, kernel, kernel);
        _bias = bias ? Declare("bias", outputs) : null;
    }

    /// <summary>The type of the weights, which is what the model computes in.</summary>
    internal ScalarType Type => _kernel.Value.dtype;

    internal Tensor Forward(Tensor x) => nn.functional.conv2d(x, _kernel.Value, _bias?.Value, _stride, _padding);
}
