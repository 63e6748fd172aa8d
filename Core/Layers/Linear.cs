using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>y = x Wᵀ + b, with W stored as checkpoints store it: [outputs, inputs].</summary>
public sealed class Linear : Module
{
    /// <summary>Declares <c>weight</c> [outputs, inputs] and, where <paramref name="bias"/> is set, <c>bias</c> [outputs].</summary>
    public Linear(long inputs, long outputs, bool bias = true)
    {
        Matrix = Declare("weight", outputs, inputs);
        Bias = bias ? Declare("bias", outputs) : null;
    }

    /// <summary>W, [outputs, inputs].</summary>
    public Weight Matrix { get; }

    /// <summary>b, [outputs], or null.</summary>
    public Weight? Bias { get; }

    /// <summary>Maps [..., inputs] to [..., outputs].</summary>
    public Tensor Forward(Tensor x) => nn.functional.linear(x, Matrix.Value, Bias?.Value);
}
