using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Halves the sides by a strided convolution. A padding of 0 means one row and column of zeros below and to the right.</summary>
internal sealed class Downsample : Module
{
    private readonly Convolution _conv;
    private readonly bool _oneSided;

    internal Downsample(int channels, int padding)
    {
        _oneSided = padding == 0;
        _conv = Child("conv", new Convolution(channels, channels, 3, stride: 2, padding));
    }

    internal Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        if (_oneSided)
        {
            x = cat([x, zeros([x.shape[0], x.shape[1], 1, x.shape[3]], x.dtype, x.device)], 2);
            x = cat([x, zeros([x.shape[0], x.shape[1], x.shape[2], 1], x.dtype, x.device)], 3);
        }
        return _conv.Forward(x).MoveToOuterDisposeScope();
    }
}

/// <summary>Repeats cells to a size, twice the sides where none is given, then convolves.</summary>
internal sealed class Upsample : Module
{
    private readonly Convolution _conv;

    internal Upsample(int channels) => _conv = Child("conv", new Convolution(channels, channels, 3));

    internal Tensor Forward(Tensor x, long[]? size = null)
    {
        using var scope = NewDisposeScope();
        var larger = nn.functional.interpolate(x, size ?? [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Nearest);
        return _conv.Forward(larger).MoveToOuterDisposeScope();
    }
}
