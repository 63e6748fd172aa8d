namespace Prisma.Core;

/// <summary>A rewriting of weights that leaves what a model computes as it is and makes its parts easier to compare.</summary>
public enum ProcessingStep
{
    /// <summary>Moves the gains and biases of the norms before attention and MLP into the matrices that read them, and centres those.</summary>
    FoldLn,
    /// <summary>
    /// Removes the mean over the stream from what attention and MLPs (layer scales included) and position tables write: every norm that
    /// reads the stream takes it away.
    /// </summary>
    CenterWriting,
    /// <summary>Takes the mean over the vocabulary off what each direction of the stream adds to the logits; a softmax does not see it.</summary>
    CenterUnembed,
    /// <summary>Moves the value biases through the output matrix into the output bias: patterns sum to 1, so they add a constant.</summary>
    FoldValueBiases,
}
