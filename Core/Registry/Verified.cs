namespace Prisma.Core;

/// <summary>How far what the registry says of a model or coder was checked.</summary>
public enum Verified
{
    /// <summary>The sizes and names follow from defaults and naming schemes; nothing was looked up.</summary>
    Construction,

    /// <summary>The sizes and names were read in the reference's source or published list; nothing was compared.</summary>
    Source,

    /// <summary>The family or format is compared with reference tensors on a tiny checkpoint with the same options; this checkpoint itself was not run.</summary>
    Golden,
}
