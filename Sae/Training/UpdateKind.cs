namespace Prisma.Sae;

/// <summary>The parts of one training step. Libraries put them in different orders.</summary>
public enum UpdateKind
{
    /// <summary>Losses and gradients.</summary>
    Loss,

    /// <summary>Removes from the decoder's gradient what points along each row: g −= (g·ŵ)ŵ with ŵ = w / (‖w‖ + number).</summary>
    Project,

    /// <summary>Shrinks all gradients together to a total length of at most the number.</summary>
    Clip,

    /// <summary>The optimiser's step.</summary>
    Step,

    /// <summary>Divides decoder rows by their length + number.</summary>
    UnitDecoder,

    /// <summary>Gives decoder rows unit length and the encoder the difference, so that the function stays (MSAE).</summary>
    FoldDecoder,
}
