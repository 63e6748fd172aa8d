using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>The feed-forward part of a transformer block: half of the hidden layer times the exact GELU of the other half (GEGLU).</summary>
internal sealed class GatedFeedForward : Module
{
    private const int Widening = 4;

    private readonly Linear _both, _down;
    private readonly HookPoint _out;

    internal GatedFeedForward(int width)
    {
        _both = Child("net.0.proj", new Linear(width, 2L * Widening * width));
        _down = Child("net.2", new Linear((long)Widening * width, width));
        _out = Point(Site.FeedForwardOut);
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        var halves = _both.Forward(x).chunk(2, -1);
        return _out.Pass(_down.Forward(halves[0] * nn.functional.gelu(halves[1])), run).MoveToOuterDisposeScope();
    }
}
