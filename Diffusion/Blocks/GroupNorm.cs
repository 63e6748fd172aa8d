using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Group normalisation of [B, C, …] with a gain and a bias for each channel.</summary>
internal sealed class GroupNorm : Module
{
    private readonly long _groups;
    private readonly double _eps;
    private readonly Weight _gain, _bias;

    internal GroupNorm(int groups, int channels, double eps)
    {
        if (channels % groups != 0) throw new CheckpointException($"A group norm's {groups} groups do not divide {channels} channels.");
        (_groups, _eps) = (groups, eps);
        _gain = Declare("weight", channels);
        _bias = Declare("bias", channels);
    }

    internal Tensor Forward(Tensor x) => nn.functional.group_norm(x, _groups, _gain.Value, _bias.Value, _eps);
}
