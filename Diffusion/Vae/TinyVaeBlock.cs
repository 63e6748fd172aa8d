using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Three convolutions added to what they read, behind a ReLU. Beside the latent some first add conv(ReLU(norm(conv x))), 1×1 convolutions without biases.</summary>
internal sealed class TinyVaeBlock : Module
{
    private const int Widening = 4, Groups = 4;
    private const double Eps = 1e-5;

    private readonly HookPoint _in, _out;
    private readonly Convolution? _poolIn, _poolOut;
    private readonly GroupNorm? _poolNorm;
    private readonly Convolution[] _convolutions;
    private readonly Func<Tensor, Tensor> _activation;

    internal TinyVaeBlock(int channels, string activation, bool norms)
    {
        _activation = Activation.Named(activation);
        _in = Point(Site.ModuleIn);
        if (norms)
        {
            _poolIn = Child("pool.0", new Convolution(channels, Widening * channels, 1, bias: false));
            _poolNorm = Child("pool.1", new GroupNorm(Groups, Widening * channels, Eps));
            _poolOut = Child("pool.3", new Convolution(Widening * channels, channels, 1, bias: false));
        }
        _convolutions = [.. new[] { 0, 2, 4 }.Select(i => Child($"conv.{i}", new Convolution(channels, channels, 3)))];
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _in.Pass(x, run);
        if (_poolIn is not null && _poolNorm is not null && _poolOut is not null) x += _poolOut.Forward(_poolNorm.Forward(_poolIn.Forward(x)).relu());
        var h = _convolutions[0].Forward(x);
        foreach (var convolution in _convolutions[1..]) h = convolution.Forward(_activation(h));
        return _out.Pass((h + x).relu(), run).MoveToOuterDisposeScope();
    }
}
