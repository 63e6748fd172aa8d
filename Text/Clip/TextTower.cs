using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>The text side of a model that compares pictures with texts.</summary>
public abstract class TextTower : Module
{
    /// <summary>The width of what stands for the text in the joint space; 0 where the tower has no projection.</summary>
    public abstract int JointWidth { get; }

    /// <summary>The greatest number of tokens.</summary>
    public abstract int Context { get; }

    /// <summary>Runs the tower.</summary>
    /// <param name="ids">Token ids, whole numbers [B, P] with P ≤ context.</param>
    /// <param name="mask">1 for tokens, 0 for padding [B, P], or null: what the reference does without.</param>
    /// <param name="run">The run.</param>
    /// <returns>
    /// The stream after the last norm [B, P, d], what is pooled [B, d] and its projection [B, e] where there is one; or the projection
    /// as the pooled state, and null.
    /// </returns>
    /// <exception cref="ShapeException">Too many tokens, an id outside the vocabulary, or a mask that does not fit.</exception>
    public abstract (Tensor LastHidden, Tensor Pooled, Tensor? Projected) Forward(Tensor ids, Tensor? mask, HookRun run);
}
