using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What a residual block of convolutions is made of.</summary>
/// <param name="Inputs">Channels read.</param>
/// <param name="Outputs">Channels written.</param>
/// <param name="Time">Width of the time embedding; null for blocks without one, as in autoencoders.</param>
/// <param name="Groups">Groups of the norms.</param>
/// <param name="Eps">ε of the norms.</param>
/// <param name="Activation">The activation's name.</param>
/// <param name="Scale">What the sum is divided by.</param>
internal sealed record ResnetOptions(int Inputs, int Outputs, int? Time, int Groups, double Eps, string Activation, double Scale = 1)
{
    /// <summary>The time scales and shifts what the second norm gives, instead of being added before it.</summary>
    internal bool TimeScales { get; init; }
}

/// <summary>
/// (x + conv2(f(norm2(conv1(f(norm1 x)) + time)))) / scale, with a 1×1 convolution on the way of x where the channels change. The time
/// embedding comes activated already. Where it scales, the second norm's output is norm2(…)·(1 + s) + t with s and t from the time.
/// </summary>
internal sealed class ResnetBlock : Module
{
    private readonly HookPoint _in, _out;
    private readonly HookPoint? _update;
    private readonly GroupNorm _norm1, _norm2;
    private readonly Convolution _conv1, _conv2;
    private readonly Convolution? _shortcut;
    private readonly Linear? _time;
    private readonly Func<Tensor, Tensor> _activation;
    private readonly double _scale;
    private readonly bool _timeScales;

    internal ResnetBlock(ResnetOptions options)
    {
        (_activation, _scale, _timeScales) = (Activation.Named(options.Activation), options.Scale, options.TimeScales);
        _in = Point(Site.ModuleIn);
        _norm1 = Child("norm1", new GroupNorm(options.Groups, options.Inputs, options.Eps));
        _conv1 = Child("conv1", new Convolution(options.Inputs, options.Outputs, 3));
        _time = options.Time is { } width ? Child("time_emb_proj", new Linear(width, (options.TimeScales ? 2L : 1) * options.Outputs)) : null;
        _norm2 = Child("norm2", new GroupNorm(options.Groups, options.Outputs, options.Eps));
        _conv2 = Child("conv2", new Convolution(options.Outputs, options.Outputs, 3));
        _shortcut = options.Inputs == options.Outputs ? null : Child("conv_shortcut", new Convolution(options.Inputs, options.Outputs, 1));
        _update = _shortcut is null ? PointOnDemand(Site.ModuleUpdate) : null;
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, Tensor? time, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _in.Pass(x, run);
        var h = _conv1.Forward(_activation(_norm1.Forward(x)));
        var told = _time is not null && time is not null ? _time.Forward(time).unsqueeze(-1).unsqueeze(-1) : null;
        if (told is not null && !_timeScales) h += told;
        h = _norm2.Forward(h);
        if (told is not null && _timeScales)
        {
            var halves = told.chunk(2, 1);
            h = h * (1 + halves[0]) + halves[1];
        }
        h = _conv2.Forward(_activation(h));
        var y = (_shortcut?.Forward(x) ?? x) + h;
        if (_scale != 1) y /= _scale;
        if (_update is not null) y = StreamUpdate.Pass(_update, x, y, run);
        return _out.Pass(y, run).MoveToOuterDisposeScope();
    }
}
