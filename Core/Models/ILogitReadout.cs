using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A model that ends in a norm and a linear map on the residual stream, so that any layer's stream can be decoded as if it were the
/// last one. The outputs are logits, or a joint embedding where the model compares pictures with texts.
/// </summary>
public interface ILogitReadout
{
    /// <summary>The part whose stream is read; empty where there is one stack only.</summary>
    string ReadoutPart { get; }

    /// <summary>The token that the head reads; null where it reads the mean of the grid's tokens.</summary>
    int? ReadToken { get; }

    /// <summary>The norm before the head. Borrowed.</summary>
    Norm FinalNorm { get; }

    /// <summary>The linear map [outputs, d]; null where this checkpoint has none. Borrowed.</summary>
    Linear? Readout { get; }

    /// <summary>Decodes a stream [..., d] of any layer: final norm of this very stream, then the head: [..., outputs]. The caller disposes it.</summary>
    /// <exception cref="PrismaException">The model has no linear head.</exception>
    Tensor Unembed(Tensor resid)
    {
        var head = Readout ?? throw new PrismaException("This model ends without a linear head, so its stream cannot be decoded into classes. Load a checkpoint with a classifier or a projection.");
        using var scope = NewDisposeScope();
        return head.Forward(FinalNorm.Plain(resid)).MoveToOuterDisposeScope();
    }
}
