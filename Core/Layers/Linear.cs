using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>y = x Wᵀ + b, with W stored as checkpoints store it: [outputs, inputs].</summary>
public sealed class Linear : Module
{
    private bool _isShared;

    /// <summary>Declares <c>weight</c> [outputs, inputs] and, where <paramref name="bias"/> is set, <c>bias</c> [outputs].</summary>
    public Linear(long inputs, long outputs, bool bias = true)
    {
        Matrix = Declare("weight", outputs, inputs);
        Bias = bias ? Declare("bias", outputs) : null;
    }

    /// <summary>A layer without bias over a matrix [outputs, inputs] that another module declares: a head tied to the token embeddings.</summary>
    public Linear(Weight shared)
    {
        ArgumentNullException.ThrowIfNull(shared);
        (Matrix, _isShared) = (shared, true);
    }

    /// <summary>W, [outputs, inputs].</summary>
    public Weight Matrix { get; private set; }

    /// <summary>b, [outputs], or null.</summary>
    public Weight? Bias { get; private set; }

    /// <summary>Maps [..., inputs] to [..., outputs].</summary>
    public Tensor Forward(Tensor x)
    {
        var (matrix, bias) = (Matrix.Value, Bias?.Value);
        // One row is a vector: a product of matrices would copy the whole matrix into the order it likes before reading it once.
        return MatrixVector.Product(matrix, x, bias) ?? nn.functional.linear(x, matrix, bias);
    }

    /// <summary>Gives a tied layer a copy of its matrix, so that rewriting it leaves the other module as it is. Only on loaded models.</summary>
    public void Untie()
    {
        if (!_isShared) return;
        var shared = Matrix.Value;
        Matrix = Declare("weight", [.. Matrix.Shape]);
        Matrix.Set(shared.clone());
        _isShared = false;
    }

    internal BlockKernel.Map Form() => new(Extras.Address(Matrix.Value), Bias is { } bias ? Extras.Address(bias.Value) : 0, Matrix.Shape[0], Matrix.Shape[1]);

    // What is folded into a layer without bias needs one.
    internal Weight EnsureBias()
    {
        if (Bias is { } bias) return bias;
        var matrix = Matrix.Value;
        Bias = Declare("bias", matrix.shape[0]);
        Bias.Set(zeros(matrix.shape[0], dtype: matrix.dtype, device: matrix.device));
        return Bias;
    }
}
