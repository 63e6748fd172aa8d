using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>The norm after the last block with the place behind it; over the whole stream, or over what was pooled.</summary>
public sealed class ClosingNorm : Module
{
    private readonly HookPoint _after;

    /// <summary>Declares the norm's weights.</summary>
    /// <param name="width">d_model.</param>
    /// <param name="norm">The kind of norm.</param>
    public ClosingNorm(long width, NormFactory norm)
    {
        Norm = Child("", norm(width, Site.FinalScale, Site.FinalNormalized));
        _after = Point(Site.LnFinal);
    }

    /// <summary>The norm.</summary>
    public Norm Norm { get; }

    /// <summary>Normalises a stream [B, P, d].</summary>
    public Tensor Forward(Tensor x, HookRun run) => _after.Pass(Norm.Forward(x, run), run);

    /// <summary>Normalises what was pooled, [B, d].</summary>
    public Tensor ForwardPooled(Tensor x, HookRun run) => Forward(x.unsqueeze(1), run).squeeze(1);
}
