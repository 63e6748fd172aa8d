using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The part of a block that works on each token alone: reads with <see cref="In"/>, writes with <see cref="Out"/>.</summary>
public abstract class FeedForward : Module
{
    /// <summary>The reading layer; its matrix transposed is <c>W_in</c>.</summary>
    public abstract Linear In { get; }

    /// <summary>The writing layer; its matrix transposed is <c>W_out</c>.</summary>
    public abstract Linear Out { get; }

    /// <summary>What the kernel for one token calls the activation; null where it lacks it or something else in here.</summary>
    internal abstract BlockKernel.ActivationKind? Kind { get; }

    /// <summary>Maps [B, P, d] to [B, P, d].</summary>
    public abstract Tensor Forward(Tensor x, HookRun run);
}
