namespace Prisma.Core;

/// <summary>Which axis of a video's tokens runs fastest.</summary>
public enum TokenOrder
{
    /// <summary>All patches of a frame, then the next frame.</summary>
    TimeMajor,
    /// <summary>All frames of a patch, then the next patch.</summary>
    SpaceMajor,
}

/// <summary>How a model's tokens lie on its input picture or frames.</summary>
/// <param name="Prefix">Tokens before the patches: class token, distillation token, registers.</param>
/// <param name="Frames">Token frames; 1 for pictures.</param>
/// <param name="Rows">Patch rows.</param>
/// <param name="Columns">Patch columns.</param>
/// <param name="PatchHeight">Model pixels per patch row.</param>
/// <param name="PatchWidth">Model pixels per patch column.</param>
/// <param name="Tubelet">Input frames per token frame.</param>
/// <param name="Order">The order of the tokens of a video.</param>
public sealed record TokenLayout(int Prefix, int Frames, int Rows, int Columns, int PatchHeight, int PatchWidth, int Tubelet = 1,
    TokenOrder Order = TokenOrder.TimeMajor)
{
    /// <summary>The number of tokens, prefix included.</summary>
    public int Tokens => Prefix + Patches;

    /// <summary>The number of patch tokens.</summary>
    public int Patches => Frames * Rows * Columns;
}
