using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Coders read vectors along the last axis. At places whose values are pictures of channels, [B, C, h, w], their tokens are the cells, rows from
/// the top: [B, h·w, C]. Other values are as they are.
/// </summary>
public static class Cells
{
    /// <summary>A value as tokens: the value itself, or a view of it.</summary>
    public static Tensor ToTokens(HookSite site, Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!site.Kind.IsChannelFirst) return value;
        using var scope = NewDisposeScope();
        return value.flatten(2).transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Tokens in the shape of a value at the place.</summary>
    public static Tensor FromTokens(HookSite site, Tensor tokens, Tensor like)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(like);
        if (!site.Kind.IsChannelFirst) return tokens;
        using var scope = NewDisposeScope();
        return tokens.transpose(1, 2).reshape(like.shape[0], tokens.shape[2], like.shape[2], like.shape[3]).MoveToOuterDisposeScope();
    }
}
