using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The norm of an MLP's activated neurons that some architectures have before the output matrix, with the place before it.</summary>
internal sealed class NeuronNorm : Module
{
    private readonly HookPoint _mid;
    private readonly Norm _norm;

    internal NeuronNorm(long hidden, NormFactory norm)
    {
        _mid = Point(Site.MlpMid);
        _norm = Child("", norm(hidden, Site.MlpInnerScale, Site.MlpInnerNormalized));
    }

    internal Tensor Forward(Tensor x, HookRun run) => _norm.Forward(_mid.Pass(x, run), run);
}
