namespace Prisma.Core;

/// <summary>What a block has beside attention, MLP and their norms.</summary>
public sealed record BlockOptions
{
    /// <summary>A learned factor per axis on what each branch adds (Touvron et al. 2021).</summary>
    public bool LayerScale { get; init; }

    /// <summary>Both branches read the stream before the block (GPT-J, GPT-NeoX); there is no stream in between.</summary>
    public bool Parallel { get; init; }

    /// <summary>Both branches read the first norm (GPT-J, Phi); only with <see cref="Parallel"/>.</summary>
    public bool SharedNorm { get; init; }

    /// <summary>A norm on what each branch adds (Gemma 2's sandwich).</summary>
    public bool PostNorms { get; init; }
}
