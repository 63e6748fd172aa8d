namespace Prisma.Sae;

/// <summary>What is subtracted from the input before it is encoded.</summary>
public enum BiasUse
{
    /// <summary>The bias that the decoder adds, b_dec.</summary>
    Tied,

    /// <summary>Nothing.</summary>
    None,

    /// <summary>A bias of its own (ViT-Prisma's transcoders: b_dec goes in, b_dec_out comes out).</summary>
    Separate,
}
